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
use syn::{Expr, Lifetime, Result, Signature};

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

/// A reference to what a key is, or to each part of a tuple, so that the key moves nothing.
fn lent(key: &Expr, site: Span) -> TokenStream {
    let span = key.span().resolved_at(site);
    match key {
        Expr::Tuple(tuple) if !tuple.elems.is_empty() => {
            let parts = tuple.elems.iter().map(|part| lent(part, site));
            quote_spanned!(span=> &(#(#parts,)*))
        }
        // A reference binds closer than what stands between its operands.
        Expr::Binary(_) | Expr::Cast(_) | Expr::Range(_) => quote_spanned!(span=> &(#key)),
        key => quote_spanned!(span=> &#key),
    }
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

    /// The static in which the fallback at `index` keeps good answers.
    fn answers(&self, index: usize) -> Ident {
        Ident::new(&format!("__RESILIENT_{index}_ANSWERS"), self.site)
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
            let keyed = layer.key.as_ref().filter(|_| !layer.is_stale());
            let keyed = keyed.map(|_| quote_spanned!(self.site=> .keyed()));
            let answers = layer.is_stale().then(|| {
                let answers = self.answers(index);
                quote_spanned!(self.site=>
                    static #answers: #private::StaleAnswers = #private::StaleAnswers::new();
                )
            });
            quote_spanned!(self.site=>
                static #binding: #private::Binding<#private::#policy> =
                    #private::Binding::new(#value, #name) #per_call #in_pipeline #keyed;
                #answers
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
        let unrefused =
            (!self.stack.takes_refusals()).then(|| quote_spanned!(self.site=> .unrefused()));
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
                #unrefused
            }
        )
    }

    fn calls(&self) -> TokenStream {
        let (private, outcome) = (self.private, local("outcome"));
        let frame = self.needs_frame().then(|| {
            let frame = local("frame");
            quote_spanned!(self.site=> let #frame = #private::Frame::new();)
        });
        // Before the body's closure, which may take arguments away.
        let keys = self.stale_keys();
        let definition = self.body.definition();
        if matches!(self.stack.returns, Returns::Value | Returns::Either) {
            let answered = self.last_word();
            return quote_spanned!(self.site=> #frame #keys #definition #answered);
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
        let tell = self.tells_origin().then(|| {
            let origin = local("origin");
            quote_spanned!(self.site=> #origin.tell(#outcome.is_ok());)
        });
        quote_spanned!(self.site=>
            #frame
            #keys
            #definition
            let #outcome = #nest;
            #tell
            #finish
        )
    }

    /// Only permits look at the frame.
    fn needs_frame(&self) -> bool {
        let permits = |layer: &Layer| layer.is("circuit_breaker") || layer.is("bulkhead");
        self.layers.iter().any(permits)
    }

    /// A run of the body, with its end: `.await`, or of a plain function the run itself.
    fn framed(&self, run: &TokenStream) -> TokenStream {
        let (private, frame) = (self.private, local("frame"));
        match (self.needs_frame(), self.body.is_plain) {
            (true, false) => quote_spanned!(self.site=> #frame.run(#run).await),
            (true, true) => quote_spanned!(self.site=> #frame.run_plain(#run)),
            (false, false) => quote_spanned!(self.site=> #run.await),
            (false, true) => quote_spanned!(self.site=> #private::run_plain(#run)),
        }
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
            _ if layer.is_stale() => self.last_good(index),
            _ => self.fallback(index),
        }
    }

    /// One run of the body, as an expression of the outcome. What runs it may also make it fail, in
    /// tests: therefore it has to know the policies around it, and whether they take a refusal.
    fn heart(&self) -> TokenStream {
        let run = self.framed(&self.body.run(!self.code_mentions_arguments()));
        let (private, split) = (self.private, self.split(&run));
        let bindings = (0..self.layers.len()).map(|index| self.binding(index));
        let frame = self.needs_frame().then(|| local("frame"));
        let takes_refusals = self.stack.takes_refusals();
        let how = Ident::new(
            if self.body.is_plain {
                "blocks"
            } else {
                "waits"
            },
            self.site,
        );
        let ran = quote_spanned!(self.site=>
            #private::run_body!(#how, [#(#bindings),*], [#frame], #takes_refusals, #split)
        );
        if !self.tells_origin() {
            return ran;
        }
        let (outcome, origin) = (local("outcome"), local("origin"));
        quote_spanned!(self.site=> {
            let #outcome = #ran;
            #origin.body();
            #outcome
        })
    }

    /// Whether it matters who has answered: the body, a fallback, or an earlier call.
    fn tells_origin(&self) -> bool {
        self.layers.iter().any(Layer::is_stale)
    }

    /// The keys of this call, of those layers that keep good answers.
    fn stale_keys(&self) -> Option<TokenStream> {
        if !self.tells_origin() {
            return None;
        }
        let (private, origin) = (self.private, local("origin"));
        let layers = self.layers.iter().enumerate();
        let keys = layers
            .filter(|(_, layer)| layer.is_stale())
            .filter_map(|(index, layer)| {
                let (name, live) = (local(&format!("stale_key_{index}")), self.live(index));
                let expression = layer.key.as_ref()?;
                let span = expression.span().resolved_at(self.site);
                let (at_key, key) = (at(span, private), lent(expression, self.site));
                let key = quote_spanned!(span=> #at_key::StaleKey::of(&|| (), #key));
                Some(quote_spanned!(self.site=> let #name = #live.stale_key(|| #key);))
            });
        let keys: TokenStream = keys.collect();
        Some(quote_spanned!(self.site=>
            let #origin = #private::Origin::new();
            #keys
        ))
    }

    /// Says that a fallback has answered, where that matters.
    fn said_by_fallback(&self) -> Option<TokenStream> {
        let origin = local("origin");
        self.tells_origin()
            .then(|| quote_spanned!(self.site=> #origin.fallback();))
    }

    /// A fallback that answers with the last good answer.
    fn last_good(&self, index: usize) -> TokenStream {
        let (layer, outcome, answer) = (&self.layers[index], local("outcome"), local("answer"));
        let verdict = self.verdict(layer, &outcome.to_token_stream());
        let inner = self.nest(index + 1);
        // The compiler blames the call for what is wrong with the type of the answer.
        let span = self.body.returns_span();
        let live = at(span, &self.live(index));
        let (answers, key) = (self.answers(index), local(&format!("stale_key_{index}")));
        let is_tried_again = self.layers[..index].iter().any(|outer| outer.is("retry"));
        let key = if is_tried_again {
            let private = self.private;
            quote_spanned!(self.site=> #private::core::clone::Clone::clone(&#key))
        } else {
            key.into_token_stream()
        };
        let origin = local("origin");
        let mark = layer.mark.as_ref().map_or_else(
            || quote_spanned!(self.site=> |#answer| #answer),
            ToTokens::to_token_stream,
        );
        let last_good = quote_spanned!(span=> #live.last_good);
        let ended = at(span, &outcome.to_token_stream());
        quote_spanned!(self.site=> {
            let #outcome = #inner;
            #last_good(&#answers, #key, &#origin, #ended, |#outcome| #verdict, #mark)
        })
    }

    fn split(&self, run: &TokenStream) -> TokenStream {
        let span = self.body.returns_span();
        let private = at(span, self.private);
        let split = match self.stack.returns {
            Returns::Value => {
                let fallible = self.body.fallible();
                return quote_spanned!(span=>
                    #private::split::<#fallible>(#private::Ok(#run))
                );
            }
            // If it is no `Result`, all complaints are about one place, and the compiler makes one.
            Returns::Alias => {
                let returned = at(span, &local("returned").into_token_stream());
                return quote_spanned!(span=> {
                    let #returned = #run;
                    #private::split(#returned)
                });
            }
            Returns::Result => quote_spanned!(span=> #private::split),
            Returns::Either => {
                let shape = self.body.shape();
                quote_spanned!(span=> #shape.split)
            }
        };
        quote_spanned!(self.site=> #split(#run))
    }

    /// Whether code that runs after the body looks at arguments, which the body then only borrows
    /// where it does not need them by value.
    fn code_mentions_arguments(&self) -> bool {
        self.layers.iter().any(|layer| {
            let predicates = layer.predicates.iter();
            predicates
                .map(|(_, test)| test)
                .chain(&layer.before)
                .chain(&layer.mark)
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

    /// The statement that finds the instance for the key of this call, and what decides about the call.
    /// A statement on its own, so that nothing which the key borrows is held while the call waits.
    fn instance(&self, index: usize) -> (TokenStream, TokenStream) {
        let live = self.live(index);
        let Some(expression) = &self.layers[index].key else {
            return (TokenStream::new(), live);
        };
        let instance = local(&format!("instance_{index}"));
        let key = lent(expression, self.site);
        let statement = quote_spanned!(self.site=> let #instance = #live.keyed(#key););
        (statement, instance.into_token_stream())
    }

    fn circuit_breaker(&self, index: usize) -> TokenStream {
        let (block, frame) = (self.block_name(index), local("frame"));
        let (instance, live) = self.instance(index);
        let (permit, outcome) = (local("permit"), local("outcome"));
        let admitted = self.permit(index, &quote_spanned!(self.site=> #live.admit(&#frame)));
        let inner = self.nest(index + 1);
        let verdict = self.verdict(&self.layers[index], &quote_spanned!(self.site=> &#outcome));
        quote_spanned!(self.site=> #block: {
            #instance
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
        let wait = if self.body.is_plain {
            quote_spanned!(self.site=> #delay.sleep();)
        } else {
            quote_spanned!(self.site=> #delay.await;)
        };
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
                #wait
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
        let told = if self.body.is_plain {
            quote_spanned!(self.site=> || #told)
        } else {
            quote_spanned!(self.site=> async { #told })
        };
        let told = self.framed(&told);
        Some(quote_spanned!(self.site=>
            #told;
            #frame.wait();
        ))
    }

    /// The layer at `index`, a timeout, as a future: only a timeout takes one.
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

    /// What a call is admitted with which may have to wait, unless it is plain: the statement that
    /// weighs it, and the result of being asked.
    fn admission(
        &self,
        index: usize,
        live: &TokenStream,
        frame: Option<&Ident>,
    ) -> (TokenStream, TokenStream) {
        let (weighs, cost) = self.cost(index).unzip();
        let frame = frame.map(|frame| quote_spanned!(self.site=> &#frame));
        let arguments = frame
            .into_iter()
            .chain(cost.map(ToTokens::into_token_stream));
        let admit = match (&weighs, self.body.is_plain) {
            (None, false) => "admit",
            (None, true) => "try_admit",
            (Some(_), false) => "admit_weighing",
            (Some(_), true) => "try_admit_weighing",
        };
        let admit = Ident::new(admit, self.site);
        let admission = quote_spanned!(self.site=> #live.#admit(#(#arguments),*));
        let admission = if self.body.is_plain {
            admission
        } else {
            quote_spanned!(self.site=> #admission.await)
        };
        (weighs.unwrap_or_default(), admission)
    }

    fn bulkhead(&self, index: usize) -> TokenStream {
        let (block, frame) = (self.block_name(index), local("frame"));
        let (instance, live) = self.instance(index);
        let permit = local("permit");
        let (weighs, admission) = self.admission(index, &live, Some(&frame));
        let admitted = self.permit(index, &admission);
        let inner = self.nest(index + 1);
        quote_spanned!(self.site=> #block: {
            #instance
            #weighs
            let #permit = #admitted;
            #inner
        })
    }

    fn rate_limit(&self, index: usize) -> TokenStream {
        let (private, rejected) = (self.private, local("rejected"));
        let block = self.block_name(index);
        let (instance, live) = self.instance(index);
        let (refuse, inner) = (self.refuse(&block), self.nest(index + 1));
        let (weighs, admission) = self.admission(index, &live, None);
        let before = if instance.is_empty() {
            quote_spanned!(self.site=>
                #weighs
                if let #private::Err(#rejected) = #admission {
                    #refuse;
                }
            )
        } else {
            // Let go of before the call begins: what nobody uses may give its place to another key.
            let admitted = local("admitted");
            quote_spanned!(self.site=>
                let #admitted = {
                    #instance
                    #weighs
                    let #admitted = #admission;
                    #admitted
                };
                if let #private::Err(#rejected) = #admitted {
                    #refuse;
                }
            )
        };
        quote_spanned!(self.site=> #block: {
            #before
            #inner
        })
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
        let from_fallback = self.said_by_fallback();
        quote_spanned!(self.site=> {
            #outcome_of
            match #ruling {
                #private::Ruling::Keep(#outcome) => #outcome,
                #private::Ruling::Replace(#failure) => {
                    let #answer = #split;
                    #from_fallback
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
        let (from_fallback, tells) = (self.said_by_fallback(), self.tells_origin());
        let told = |word: TokenStream, answered: &TokenStream| {
            if !tells {
                return word;
            }
            let origin = local("origin");
            quote_spanned!(self.site=> {
                let #answer = { #word };
                #origin.tell(#answered);
                #answer
            })
        };
        if self.stack.returns == Returns::Either {
            let (shape, span) = (self.body.shape(), self.body.returns_span());
            let kept = if Stack::rejects(self.layers) {
                quote_spanned!(span=> #shape.kept)
            } else {
                quote_spanned!(span=> #shape.kept_unrejected)
            };
            let word = quote_spanned!(self.site=>
                #outcome_of
                match #kept(#ruling) {
                    #private::Ok(#value) => #value,
                    #private::Err(#failure) => {
                        let #answer = #answered;
                        #from_fallback
                        #live.settle(#shape.is_answered(&#answer));
                        #answer
                    }
                }
            );
            return told(
                word,
                &quote_spanned!(self.site=> #shape.is_answered(&#answer)),
            );
        }
        let word = quote_spanned!(self.site=>
            #outcome_of
            match #ruling {
                #private::Ruling::Keep(#private::Ok(#value)) => #value,
                #private::Ruling::Keep(#private::Err(#failure))
                | #private::Ruling::Replace(#failure) => {
                    let #answer = #answered;
                    #from_fallback
                    #live.settle(true);
                    #answer
                }
            }
        );
        told(word, &quote_spanned!(self.site=> true))
    }
}
