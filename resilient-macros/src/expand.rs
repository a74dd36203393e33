//! What a stack becomes: statics first, then one frame, the body, the nest of policies, the end.
//!
//! It is the code that one would write by hand, and it decides nothing: it calls `admit`, `settle`
//! and `decide` in the order in which the policies were written.

use crate::body::{Body, local};
use crate::parse::{Datum, Layer, Written};
use crate::stack::{Returns, Stack};
use proc_macro2::{Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Lifetime, Result, Signature};

/// The module in which everything is that an expansion names.
pub(crate) fn private(path: Option<&syn::Path>) -> TokenStream {
    let site = Span::mixed_site();
    if let Some(path) = path {
        quote_spanned!(site=> #path::__private)
    } else {
        quote_spanned!(site=> ::resilient::__private)
    }
}

/// `tokens` at `span`, each in the hygiene that it had.
pub(crate) fn at(span: Span, tokens: &TokenStream) -> TokenStream {
    let moved = tokens.clone().into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), at(span, &group.stream())).into();
        }
        token.set_span(span.resolved_at(token.span()));
        token
    });
    moved.collect()
}

/// One call of a builder, all at the value: so a value out of range is an error there.
pub(crate) fn checked(
    private: &TokenStream,
    policy: &str,
    before: &TokenStream,
    datum: &Datum,
) -> TokenStream {
    let span = datum.span.resolved_at(Span::mixed_site());
    let private = at(span, private);
    let policy = Ident::new(policy, span);
    let mut key = datum.key.clone();
    key.set_span(key.span().resolved_at(Span::mixed_site()));
    let value = datum.value.tokens(&private, span);
    quote_spanned!(span=> #private::#policy::checked(#private::#policy::#key(#before, #value)))
}

/// The statements that replace the body of the function.
pub(crate) fn expand(
    stack: &Stack,
    written: &[Written],
    signature: &Signature,
    body: &Group,
) -> Result<TokenStream> {
    let module = private(stack.shared.private_crate.as_ref());
    let private = quote_spanned!(Span::mixed_site()=> __resilient);
    let body = Body::new(stack, &private, signature, body)?;
    let expansion = Expansion {
        layers: &stack.layers,
        stack,
        body,
        private: &private,
        site: Span::mixed_site(),
    };
    let statics = expansion.statics();
    let known = (stack.returns == Returns::Either)
        .then(|| quote_spanned!(Span::mixed_site()=> use #private::Known as _;));
    let call_site = expansion.call_site(written);
    let calls = expansion.calls();
    Ok(quote_spanned!(Span::mixed_site()=>
        use #module as #private;
        #known
        #statics
        #call_site
        #calls
    ))
}

struct Expansion<'a> {
    layers: &'a [Layer],
    stack: &'a Stack,
    body: Body<'a>,
    private: &'a TokenStream,
    site: Span,
}

impl Expansion<'_> {
    /// The static which binds the layer at `index` to its live policy.
    fn binding(&self, index: usize) -> Ident {
        let name = self.layers[index].attribute.name.to_uppercase();
        Ident::new(&format!("__RESILIENT_{index}_{name}"), self.site)
    }

    /// The live policy of the layer at `index`.
    fn live(&self, index: usize) -> TokenStream {
        let binding = self.binding(index);
        quote_spanned!(self.site=> #binding.live())
    }

    fn statics(&self) -> TokenStream {
        let private = self.private;
        let each = self.layers.iter().enumerate().map(|(index, layer)| {
            let binding = self.binding(index);
            let policy = Ident::new(layer.attribute.policy, self.site);
            let new = quote_spanned!(self.site=> #private::#policy::new());
            let value = layer.data.iter().fold(new, |before, datum| {
                checked(private, layer.attribute.policy, &before, datum)
            });
            let name = if let Some(name) = &layer.name {
                quote_spanned!(self.site=> #private::Some(#name))
            } else {
                quote_spanned!(self.site=> #private::None)
            };
            let per_call = layer.per_call.as_ref();
            let per_call = per_call.map(|_| quote_spanned!(self.site=> .per_call()));
            let in_pipeline = layer
                .in_pipeline
                .then(|| quote_spanned!(self.site=> .in_pipeline()));
            quote_spanned!(self.site=>
                static #binding: #private::Binding<#private::#policy> =
                    #private::Binding::new(#value, #name) #per_call #in_pipeline;
            )
        });
        each.collect()
    }

    /// What the function leaves behind for the registry, before its first call.
    fn call_site(&self, written: &[Written]) -> TokenStream {
        let (private, name) = (self.private, local("name"));
        let layers = self.layers.iter().enumerate().map(|(index, layer)| {
            let (binding, written) = (self.binding(index), Literal::string(&layer.written));
            quote_spanned!(self.site=> #private::Layer::new(&#binding, #written))
        });
        // `line!` is the line of its own tokens: those of the first attribute.
        let first = written.first().map_or(self.site, |first| first.name.span());
        let at_first = at(first, self.private);
        let line = quote_spanned!(first=> #at_first::core::line!());
        quote_spanned!(self.site=>
            fn #name() -> &'static str {
                #private::core::any::type_name_of_val(&#name)
            }
            #private::inventory::submit! {
                #private::CallSite::new(
                    #name,
                    #private::core::file!(),
                    #line,
                    &[#(#layers),*],
                )
            }
        )
    }

    fn calls(&self) -> TokenStream {
        let (private, outcome) = (self.private, local("outcome"));
        // A hedge keeps its attempts apart there.
        let hedges = self.layers.iter().any(|layer| layer.is("hedge"));
        let frame = (hedges || self.needs_frame()).then(|| {
            let frame = local("frame");
            quote_spanned!(self.site=> let #frame = #private::Frame::new();)
        });
        let definition = self.body.definition();
        if matches!(self.stack.returns, Returns::Value | Returns::Either) {
            let answered = self.last_word();
            return quote_spanned!(self.site=> #frame #definition #answered);
        }
        let nest = self.nest(0);
        let (returns, span) = (self.body.returns(), self.body.returns_span());
        // The compiler blames the argument for what is wrong with its type.
        let (at_returns, ended) = (at(span, private), at(span, &outcome.to_token_stream()));
        let finish = match &self.stack.shared.map_err {
            Some(path) => {
                quote_spanned!(span=> #at_returns::finish_with::<#returns, _>(#ended, #path))
            }
            None if Stack::rejects(self.layers) => {
                quote_spanned!(span=> #at_returns::finish::<#returns>(#ended))
            }
            None => quote_spanned!(span=> #at_returns::finish_unrejected::<#returns>(#ended)),
        };
        quote_spanned!(self.site=>
            #frame
            #definition
            let #outcome = #nest;
            #finish
        )
    }

    /// Only permits look at the frame.
    fn needs_frame(&self) -> bool {
        let permits = |layer: &Layer| layer.is("circuit_breaker") || layer.is("bulkhead");
        self.layers.iter().any(permits)
    }

    fn framed(&self, future: &TokenStream) -> TokenStream {
        if !self.needs_frame() {
            return future.clone();
        }
        let frame = local("frame");
        quote_spanned!(self.site=> #frame.run(#future))
    }

    /// The layers from `index` on, as an expression of the outcome.
    fn nest(&self, index: usize) -> TokenStream {
        let Some(layer) = self.layers.get(index) else {
            return self.heart();
        };
        match layer.attribute.name {
            "circuit_breaker" => self.circuit_breaker(index),
            "retry" => self.retry(index),
            "timeout" => {
                let timed = self.timed(index);
                quote_spanned!(self.site=> #timed.await)
            }
            "bulkhead" => self.bulkhead(index),
            "rate_limit" => self.rate_limit(index),
            "hedge" => self.hedge(index),
            _ => self.fallback(index),
        }
    }

    /// One run of the body, as an expression of the outcome.
    fn heart(&self) -> TokenStream {
        let run = self.framed(&self.body.run(!self.code_mentions_arguments()));
        self.split(&run)
    }

    fn split(&self, future: &TokenStream) -> TokenStream {
        let span = self.body.returns_span();
        let private = at(span, self.private);
        let split = match self.stack.returns {
            Returns::Value => {
                let fallible = self.body.fallible();
                return quote_spanned!(span=>
                    #private::split::<#fallible>(#private::Ok(#future.await))
                );
            }
            // If it is no `Result`, all complaints are about one place, and the compiler makes one.
            Returns::Alias => {
                let returned = at(span, &local("returned").into_token_stream());
                return quote_spanned!(span=> {
                    let #returned = #future.await;
                    #private::split(#returned)
                });
            }
            Returns::Result => quote_spanned!(span=> #private::split),
            Returns::Either => {
                let shape = self.body.shape();
                quote_spanned!(span=> #shape.split)
            }
        };
        quote_spanned!(self.site=> #split(#future.await))
    }

    /// Whether code that runs after the body looks at arguments, which the body then only borrows
    /// where it does not need them by value.
    fn code_mentions_arguments(&self) -> bool {
        self.layers.iter().any(|layer| {
            let predicates = layer.predicates.iter();
            predicates
                .map(|(_, test)| test)
                .chain(&layer.before)
                .any(|test| self.body.mentions_arguments(test.to_token_stream()))
        })
    }

    /// What the predicates of a layer make of `outcome`, which is a reference.
    fn verdict(&self, layer: &Layer, outcome: &TokenStream) -> TokenStream {
        let span = self.body.returns_span();
        let private = at(span, self.private);
        let judge = match self.stack.returns {
            Returns::Either => {
                let shape = self.body.shape();
                quote_spanned!(span=> #shape.judge())
            }
            Returns::Alias => quote_spanned!(span=> #private::judge_of(#outcome)),
            Returns::Result | Returns::Value => {
                let fallible = self.body.fallible();
                quote_spanned!(span=> #private::Judge::<#fallible>::new())
            }
        };
        let tests = layer.predicates.iter().map(|(key, test)| {
            let key = Ident::new(&key.to_string(), key.span().resolved_at(self.site));
            quote!(.#key(#test))
        });
        if self.stack.returns == Returns::Value {
            return quote_spanned!(self.site=> #judge #(#tests)* .verdict(#outcome));
        }
        // The outcome comes first, and tells the closure the type of its error.
        let private = self.private;
        quote_spanned!(self.site=>
            #judge #(#tests)* .verdict_with(#outcome, #private::diagnose!())
        )
    }

    /// Leaves the block of a layer with a refusal.
    fn refuse(&self, block: &Lifetime) -> TokenStream {
        let (private, rejected) = (self.private, local("rejected"));
        quote_spanned!(self.site=>
            break #block #private::Err(#private::Failure::Rejected(#rejected))
        )
    }

    fn block_name(&self, index: usize) -> Lifetime {
        Lifetime::new(&format!("'__resilient_{index}"), self.site)
    }

    /// The permit for the layer at `index`, or out of its block.
    fn permit(&self, index: usize, admission: &TokenStream) -> TokenStream {
        let (private, permit, rejected) = (self.private, local("permit"), local("rejected"));
        let refuse = self.refuse(&self.block_name(index));
        quote_spanned!(self.site=>
            match #admission {
                #private::Ok(#permit) => #permit,
                #private::Err(#rejected) => #refuse,
            }
        )
    }

    fn circuit_breaker(&self, index: usize) -> TokenStream {
        let (block, live, frame) = (self.block_name(index), self.live(index), local("frame"));
        let (permit, outcome) = (local("permit"), local("outcome"));
        let admitted = self.permit(index, &quote_spanned!(self.site=> #live.admit(&#frame)));
        let inner = self.nest(index + 1);
        let verdict = self.verdict(&self.layers[index], &quote_spanned!(self.site=> &#outcome));
        quote_spanned!(self.site=> #block: {
            let mut #permit = #admitted;
            let #outcome = #inner;
            #permit.settle(#verdict);
            #outcome
        })
    }

    fn retry(&self, index: usize) -> TokenStream {
        let (private, live, layer) = (self.private, self.live(index), &self.layers[index]);
        let (retry, outcome, delay) = (
            local(&format!("retry_{index}")),
            local("outcome"),
            local("delay"),
        );
        let key = layer.attempt.as_ref().map(|_| {
            let key = local(&format!("key_{index}"));
            let value = if let Some(expression) = &layer.idempotency_key {
                quote_spanned!(self.site=> #private::IdempotencyKey::of(&(#expression)))
            } else {
                quote_spanned!(self.site=> #private::IdempotencyKey::random())
            };
            quote_spanned!(self.site=> let #key = #value;)
        });
        let inner = self.nest(index + 1);
        let verdict = self.verdict(layer, &quote_spanned!(self.site=> &#outcome));
        let waits = self.needs_frame().then(|| {
            let frame = local("frame");
            quote_spanned!(self.site=> #frame.wait();)
        });
        let before = self.before(layer, &retry);
        quote_spanned!(self.site=> {
            #key
            let mut #retry = #live.begin();
            loop {
                let #delay = {
                    let #outcome = #inner;
                    match #retry.decide(#verdict) {
                        #private::Some(#delay) => #delay,
                        #private::None => break #outcome,
                    }
                };
                #waits
                #delay.await;
                #before
            }
        })
    }

    /// Tells the hook of a retry of the attempt that is about to begin. It is made after the delay, so
    /// nothing which it borrows is held meanwhile; where permits look, it runs as the body does: a
    /// panic in either is a failure.
    fn before(&self, layer: &Layer, retry: &Ident) -> Option<TokenStream> {
        let hook = layer.before.as_ref()?;
        let span = hook.span().resolved_at(self.site);
        let private = at(span, self.private);
        let number = at(span, &quote_spanned!(self.site=> #retry.number()));
        let told = quote_spanned!(span=> #private::before(#hook, #number));
        if !self.needs_frame() {
            return Some(quote_spanned!(self.site=> #told;));
        }
        let frame = local("frame");
        Some(quote_spanned!(self.site=>
            #frame.run(async { #told }).await;
            #frame.wait();
        ))
    }

    /// The layer at `index`, a timeout, as a future: only a timeout and a hedge take one.
    fn timed(&self, index: usize) -> TokenStream {
        let live = self.live(index);
        let inner = match self.layers.get(index + 1) {
            Some(inner) if inner.is("timeout") => self.timed(index + 1),
            _ => {
                let inner = self.nest(index + 1);
                quote_spanned!(self.site=> async { #inner })
            }
        };
        if let Some(closure) = &self.layers[index].per_call {
            quote_spanned!(self.site=> #live.limit_to((#closure)(), #inner))
        } else {
            quote_spanned!(self.site=> #live.limit(#inner))
        }
    }

    /// The statement that says what a call costs, and the name of what it says. On its own, so that
    /// nothing which it borrows is held while the call waits.
    fn cost(&self, index: usize) -> Option<(TokenStream, Ident)> {
        let expression = self.layers[index].cost.as_ref()?;
        let cost = local("cost");
        let span = expression.span().resolved_at(self.site);
        let private = at(span, self.private);
        let of = quote_spanned!(span=> #private::core::primitive::u32);
        let statement = quote_spanned!(self.site=> let #cost: #of = #expression;);
        Some((statement, cost))
    }

    fn bulkhead(&self, index: usize) -> TokenStream {
        let (block, live, frame) = (self.block_name(index), self.live(index), local("frame"));
        let permit = local("permit");
        let (weighs, admission) = match self.cost(index) {
            Some((weighs, cost)) => (
                weighs,
                quote_spanned!(self.site=> #live.admit_weighing(&#frame, #cost).await),
            ),
            None => (
                TokenStream::new(),
                quote_spanned!(self.site=> #live.admit(&#frame).await),
            ),
        };
        let admitted = self.permit(index, &admission);
        let inner = self.nest(index + 1);
        quote_spanned!(self.site=> #block: {
            #weighs
            let #permit = #admitted;
            #inner
        })
    }

    fn rate_limit(&self, index: usize) -> TokenStream {
        let (private, rejected) = (self.private, local("rejected"));
        let (block, live) = (self.block_name(index), self.live(index));
        let (refuse, inner) = (self.refuse(&block), self.nest(index + 1));
        let (weighs, admission) = match self.cost(index) {
            Some((weighs, cost)) => (
                weighs,
                quote_spanned!(self.site=> #live.admit_weighing(#cost).await),
            ),
            None => (
                TokenStream::new(),
                quote_spanned!(self.site=> #live.admit().await),
            ),
        };
        quote_spanned!(self.site=> #block: {
            #weighs
            if let #private::Err(#rejected) = #admission {
                #refuse;
            }
            #inner
        })
    }

    /// The attempts of a hedge run at the same time: each has a copy of the body for itself, and
    /// borrows whatever else it uses.
    fn hedge(&self, index: usize) -> TokenStream {
        let (private, live) = (self.private, self.live(index));
        let (frame, outcome) = (local("frame"), local("outcome"));
        let (body, kept, copy) = (local("body"), local("kept"), local("copy"));
        let (handed_on, copied) = (
            self.body.handed_on(index),
            self.body.copy_of(&kept.to_token_stream()),
        );
        let inner = self.nest(index + 1);
        let verdict = self.verdict(&self.layers[index], &outcome.to_token_stream());
        quote_spanned!(self.site=>
            #live.race(
                &#frame,
                #handed_on,
                |#kept| {
                    let #copy = #private::Own::new(#copied);
                    async {
                        let #body = #copy.take();
                        #inner
                    }
                },
                |#outcome| #verdict,
            ).await
        )
    }

    /// What the fallback at `index` says to the outcome of the layers below it.
    fn ruling(&self, index: usize) -> (TokenStream, TokenStream) {
        let (live, outcome) = (self.live(index), local("outcome"));
        let inner = self.nest(index + 1);
        let verdict = self.verdict(&self.layers[index], &outcome.to_token_stream());
        (
            quote_spanned!(self.site=> let #outcome = #inner;),
            quote_spanned!(self.site=> #live.decide(#outcome, |#outcome| #verdict)),
        )
    }

    fn fallback(&self, index: usize) -> TokenStream {
        let (private, live) = (self.private, self.live(index));
        let (outcome, failure, answer) = (local("outcome"), local("failure"), local("answer"));
        let (outcome_of, ruling) = self.ruling(index);
        let split = self.split(&self.framed(&self.body.answer(index, &failure)));
        quote_spanned!(self.site=> {
            #outcome_of
            match #ruling {
                #private::Ruling::Keep(#outcome) => #outcome,
                #private::Ruling::Replace(#failure) => {
                    let #answer = #split;
                    #live.settle(#answer.is_ok());
                    #answer
                }
            }
        })
    }

    /// The top of a stack whose function may have no error channel: then this fallback answers
    /// whatever happens, also if it is switched off.
    fn last_word(&self) -> TokenStream {
        let (private, live) = (self.private, self.live(0));
        let (value, failure, answer) = (local("value"), local("failure"), local("answer"));
        let (outcome_of, ruling) = self.ruling(0);
        let answered = self.framed(&self.body.answer(0, &failure));
        if self.stack.returns == Returns::Either {
            let (shape, span) = (self.body.shape(), self.body.returns_span());
            let kept = if Stack::rejects(self.layers) {
                quote_spanned!(span=> #shape.kept)
            } else {
                quote_spanned!(span=> #shape.kept_unrejected)
            };
            return quote_spanned!(self.site=>
                #outcome_of
                match #kept(#ruling) {
                    #private::Ok(#value) => #value,
                    #private::Err(#failure) => {
                        let #answer = #answered.await;
                        #live.settle(#shape.is_answered(&#answer));
                        #answer
                    }
                }
            );
        }
        quote_spanned!(self.site=>
            #outcome_of
            match #ruling {
                #private::Ruling::Keep(#private::Ok(#value)) => #value,
                #private::Ruling::Keep(#private::Err(#failure))
                | #private::Ruling::Replace(#failure) => {
                    let #answer = #answered.await;
                    #live.settle(true);
                    #answer
                }
            }
        )
    }
}
