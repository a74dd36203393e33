//! How the calls of each policy are written around what is inside of it.

use super::{Expansion, at, lent};
use crate::body::local;
use crate::parse::Layer;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Lifetime;
use syn::spanned::Spanned;

impl Expansion<'_> {
    /// Leaves the block of a layer with a refusal.
    pub(super) fn refuse(&self, block: &Lifetime) -> TokenStream {
        let (private, rejected) = (self.private, local("rejected"));
        quote_spanned!(self.site=>
            break #block #private::Err(#private::Failure::Rejected(#rejected))
        )
    }

    pub(super) fn block_name(&self, index: usize) -> Lifetime {
        Lifetime::new(&format!("'__resilient_{index}"), self.site)
    }

    /// The permit for the layer at `index`, or out of its block.
    pub(super) fn permit(&self, index: usize, admission: &TokenStream) -> TokenStream {
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
    pub(super) fn instance(&self, index: usize) -> (TokenStream, TokenStream) {
        let live = self.live(index);
        let Some(expression) = &self.layers[index].key else {
            return (TokenStream::new(), live);
        };
        let instance = local(&format!("instance_{index}"));
        let key = lent(expression, self.site);
        let statement = self.asked(&quote_spanned!(self.site=> let #instance = #live.keyed(#key);));
        (statement, instance.into_token_stream())
    }

    pub(super) fn circuit_breaker(&self, index: usize) -> TokenStream {
        let (block, frame) = (self.block_name(index), local("frame"));
        let (instance, live) = self.instance(index);
        let (permit, outcome) = (local("permit"), local("outcome"));
        let admitted = self.permit(index, &quote_spanned!(self.site=> #live.admit(&#frame)));
        let inner = self.nest(index + 1);
        let settle = if let Some(way) = self.way(index) {
            let private = self.private;
            quote_spanned!(self.site=> #private::settle(&mut #permit, &#outcome, #way);)
        } else {
            let verdict = self.verdict(&self.layers[index], &quote_spanned!(self.site=> &#outcome));
            quote_spanned!(self.site=> #permit.settle_with(#verdict, &#outcome);)
        };
        quote_spanned!(self.site=> #block: {
            #instance
            let mut #permit = #admitted;
            let #outcome = #inner;
            #settle
            #outcome
        })
    }

    pub(super) fn retry(&self, index: usize) -> TokenStream {
        let (private, live, layer) = (self.private, self.live(index), &self.layers[index]);
        let (retry, outcome, delay) = (
            local(&format!("retry_{index}")),
            local("outcome"),
            local("delay"),
        );
        let key = layer.attempt.as_ref().map(|_| {
            let key = local(&format!("key_{index}"));
            let Some(expression) = &layer.idempotency_key else {
                return quote_spanned!(self.site=>
                    let #key = #private::IdempotencyKey::random();
                );
            };
            self.asked(&quote_spanned!(self.site=>
                let #key = #private::IdempotencyKey::of(&(#expression));
            ))
        });
        let inner = self.nest(index + 1);
        let waits = self.needs_frame().then(|| {
            let frame = local("frame");
            quote_spanned!(self.site=> #frame.wait();)
        });
        let verdict = || self.verdict(layer, &quote_spanned!(self.site=> &#outcome));
        let decision = match (&layer.per_call, self.way(index)) {
            (Some(backoff), _) => {
                let verdict = verdict();
                quote_spanned!(self.site=> #retry.decide_after(#verdict, #backoff))
            }
            (None, Some(way)) => {
                quote_spanned!(self.site=> #private::decide(&mut #retry, &#outcome, #way))
            }
            (None, None) => {
                let verdict = verdict();
                quote_spanned!(self.site=> #retry.decide(#verdict))
            }
        };
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
                    match #decision {
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
    pub(super) fn before(&self, layer: &Layer, retry: &Ident) -> Option<TokenStream> {
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
    pub(super) fn timed(&self, index: usize) -> TokenStream {
        let live = self.live(index);
        let inner = match self.layers.get(index + 1) {
            Some(inner) if inner.is("timeout") => self.timed(index + 1),
            _ => self.future(index + 1),
        };
        if let Some(closure) = &self.layers[index].per_call {
            let duration = local("duration");
            let asked = self.asked(&quote_spanned!(self.site=> let #duration = (#closure)();));
            quote_spanned!(self.site=> #live.limit_to({ #asked #duration }, #inner))
        } else {
            quote_spanned!(self.site=> #live.limit(#inner))
        }
    }

    /// A statement that runs code of the user: where permits look, a panic in it is the call's own.
    fn asked(&self, statement: &TokenStream) -> TokenStream {
        if !self.needs_frame() {
            return statement.clone();
        }
        let frame = local("frame");
        quote_spanned!(self.site=> #frame.ask(); #statement #frame.wait();)
    }

    /// The statement that says what a call costs, and the name of what it says. On its own, so that
    /// nothing which it borrows is held while the call waits.
    pub(super) fn cost(&self, index: usize) -> Option<(TokenStream, Ident)> {
        let expression = self.layers[index].cost.as_ref()?;
        let cost = local("cost");
        let span = expression.span().resolved_at(self.site);
        let private = at(span, self.private);
        let of = quote_spanned!(span=> #private::core::primitive::u32);
        let statement = self.asked(&quote_spanned!(self.site=> let #cost: #of = #expression;));
        Some((statement, cost))
    }

    /// What a call is admitted with which may have to wait, unless it is plain: the statement that
    /// weighs it, and the result of being asked.
    pub(super) fn admission(
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

    pub(super) fn bulkhead(&self, index: usize) -> TokenStream {
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

    pub(super) fn rate_limit(&self, index: usize) -> TokenStream {
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

    /// The attempts of a hedge run at the same time: each has a copy of the body for itself, and
    /// borrows whatever else it uses.
    pub(super) fn hedge(&self, index: usize) -> TokenStream {
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
}
