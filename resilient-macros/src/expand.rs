//! What a stack becomes: statics first, then one frame, the body, the nest of policies, the end.
//!
//! It is the code that one would write by hand, and it decides nothing: it calls `admit`, `settle`
//! and `decide` in the order in which the policies were written.

mod fallbacks;
mod policies;

use crate::body::{Body, local};
use crate::parse::{Datum, Layer, Written};
use crate::stack::{Returns, Stack};
use proc_macro2::{Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Result, Signature};

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
        let private = self.private;
        let name = Ident::new("__ResilientName", self.site);
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
            struct #name;
            #private::inventory::submit! {
                #private::CallSite::new::<#name>(
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
        // A hedge keeps its attempts apart there.
        let hedges = self.layers.iter().any(|layer| layer.is("hedge"));
        let frame = (hedges || self.needs_frame()).then(|| {
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
        let way = self.shared_way();
        quote_spanned!(self.site=>
            #frame
            #keys
            #definition
            #way
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
            "hedge" => self.hedge(index),
            _ if layer.is_stale() => self.last_good(index),
            _ => self.fallback(index),
        }
    }

    /// One run of the body, as an expression of the outcome. What runs it may also make it fail, in
    /// tests: therefore it has to know the policies around it, and whether they take a refusal.
    fn heart(&self) -> TokenStream {
        let run = self.body.run(!self.code_mentions_arguments());
        let run = if self.body.is_copied() && self.needs_frame() {
            // The arguments are cloned before the frame runs anything: a panic of theirs is the call's own too.
            let frame = local("frame");
            self.framed(&quote_spanned!(self.site=> { #frame.ask(); #run }))
        } else {
            self.framed(&run)
        };
        let (private, split) = (self.private, self.split(&run));
        let surroundings = self.surroundings();
        let how = Ident::new(
            if self.body.is_plain {
                "blocks"
            } else {
                "waits"
            },
            self.site,
        );
        let ran = quote_spanned!(self.site=>
            #private::run_body!(#how, #surroundings, #split)
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

    /// The policies around the body, its frame, and whether they take a refusal.
    fn surroundings(&self) -> TokenStream {
        let bindings = (0..self.layers.len()).map(|index| self.binding(index));
        let frame = self.needs_frame().then(|| local("frame"));
        let takes_refusals = self.stack.takes_refusals();
        quote_spanned!(self.site=> [#(#bindings),*], [#frame], #takes_refusals)
    }

    /// The layers from `index` on, as a future of the outcome.
    fn future(&self, index: usize) -> TokenStream {
        let is_body = index == self.layers.len();
        if !is_body || self.stack.returns != Returns::Result || self.tells_origin() {
            let inner = self.nest(index);
            return quote_spanned!(self.site=> async { #inner });
        }
        let (private, span) = (self.private, self.body.returns_span());
        let (at_returns, surroundings) = (at(span, private), self.surroundings());
        let run = self.body.run(!self.code_mentions_arguments());
        let run = if self.needs_frame() {
            let frame = local("frame");
            let splitting = quote_spanned!(span=> #at_returns::splitting_in);
            quote_spanned!(self.site=> #splitting(&#frame, #run))
        } else {
            let splitting = quote_spanned!(span=> #at_returns::splitting);
            quote_spanned!(self.site=> #splitting(#run))
        };
        quote_spanned!(self.site=> #private::run_within!(#surroundings, #run))
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
                .map(ToTokens::to_token_stream)
                .chain(layer.per_call.clone().filter(|_| layer.is("retry")))
                .any(|code| self.body.mentions_arguments(code))
        })
    }

    /// The way in which the layer at `index`, a circuit breaker or a retry, asks errors what they are,
    /// if it has no predicates.
    fn way(&self, index: usize) -> Option<TokenStream> {
        if !self.asks_plainly(index) {
            return None;
        }
        if self.shares_way() && !self.is_enclosed(index) {
            return Some(local("way").into_token_stream());
        }
        let (private, outcome) = (self.private, local("outcome"));
        Some(quote_spanned!(self.site=> #private::way!(#private::seen_in(&#outcome))))
    }

    /// Whether the layer at `index` settles by what errors say of themselves alone.
    fn asks_plainly(&self, index: usize) -> bool {
        let layer = &self.layers[index];
        let settles = layer.is("circuit_breaker") || layer.is("retry") && layer.per_call.is_none();
        self.stack.returns == Returns::Result && settles && layer.predicates.is_empty()
    }

    /// Whether the layer at `index` is a part of a future or closure of ours, which would have to
    /// capture what is shared.
    fn is_enclosed(&self, index: usize) -> bool {
        let mut above = self.layers[..index].iter();
        above.any(|layer| layer.is("timeout") || layer.is("hedge"))
    }

    /// Whether the way to ask errors is found once for several layers: finding it is what the compiler
    /// needs most of its time for.
    fn shares_way(&self) -> bool {
        let asks = |index: &usize| self.asks_plainly(*index) && !self.is_enclosed(*index);
        // With an `impl Trait` in it, nobody could write the type.
        !self.body.hides_returns() && (0..self.layers.len()).filter(asks).count() > 1
    }

    /// The way to ask errors what they are, if several layers want to know.
    fn shared_way(&self) -> Option<TokenStream> {
        let (private, way) = (self.private, local("way"));
        let (returns, span) = (self.body.returns(), self.body.returns_span());
        let at_returns = at(span, private);
        let seen = quote_spanned!(span=> #at_returns::seen_of::<#returns>());
        self.shares_way()
            .then(|| quote_spanned!(self.site=> let #way = #private::way!(#seen);))
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
        let private = self.private;
        quote_spanned!(self.site=>
            #judge #(#tests)* .verdict_with(#outcome, #private::diagnose!(#outcome))
        )
    }
}
