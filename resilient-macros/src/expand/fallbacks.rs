//! How another answer is given: by a fallback, or by an earlier call.

use super::{Expansion, at, lent};
use crate::body::local;
use crate::parse::Layer;
use crate::stack::{Returns, Stack};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;

impl Expansion<'_> {
    /// The static in which the fallback at `index` keeps good answers.
    pub(super) fn answers(&self, index: usize) -> Ident {
        Ident::new(&format!("__RESILIENT_{index}_ANSWERS"), self.site)
    }

    /// Whether it matters who has answered: the body, a fallback, or an earlier call.
    pub(super) fn tells_origin(&self) -> bool {
        self.layers.iter().any(Layer::is_stale)
    }

    /// The keys of this call, of those layers that keep good answers.
    pub(super) fn stale_keys(&self) -> Option<TokenStream> {
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
    pub(super) fn said_by_fallback(&self) -> Option<TokenStream> {
        let origin = local("origin");
        self.tells_origin()
            .then(|| quote_spanned!(self.site=> #origin.fallback();))
    }

    /// A fallback that answers with the last good answer.
    pub(super) fn last_good(&self, index: usize) -> TokenStream {
        let (layer, outcome, answer) = (&self.layers[index], local("outcome"), local("answer"));
        let verdict = self.verdict(layer, &outcome.to_token_stream());
        let inner = self.nest(index + 1);
        // The compiler blames the call for what is wrong with the type of the answer.
        let span = self.body.returns_span();
        let live = at(span, &self.live(index));
        let (answers, key) = (self.answers(index), local(&format!("stale_key_{index}")));
        let is_tried_again = self.layers[..index]
            .iter()
            .any(|outer| outer.is("retry") || outer.is("hedge"));
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

    /// What the fallback at `index` says to the outcome of the layers below it.
    pub(super) fn ruling(&self, index: usize) -> (TokenStream, TokenStream) {
        let (live, outcome) = (self.live(index), local("outcome"));
        let inner = self.nest(index + 1);
        let verdict = self.verdict(&self.layers[index], &outcome.to_token_stream());
        (
            quote_spanned!(self.site=> let #outcome = #inner;),
            quote_spanned!(self.site=> #live.decide(#outcome, |#outcome| #verdict)),
        )
    }

    pub(super) fn fallback(&self, index: usize) -> TokenStream {
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
    pub(super) fn last_word(&self) -> TokenStream {
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
