//! What an annotated function leaves behind: its name, its stack, and the way to its policies.
//!
//! Call sites register themselves when the program is linked, so that all of them are listed
//! before their first call.

use crate::definition::{Declaration, Reference};
#[cfg(feature = "testing")]
use crate::entry::AnyEntry;
use crate::entry::Entry;
#[cfg(feature = "testing")]
use crate::isolation;
use crate::policy::Policy;
use crate::registry::Registry;
use crate::setting::Kind;
use crate::sync::{Mutex, OnceLock, const_unless_modelled, shared_static};
use std::collections::BTreeMap;
use std::sync::Once;

/// One attribute of one function: what it wrote, and the live policy that it is bound to.
///
/// Lives in a `static` of the annotated function. The first call looks the live policy up, all
/// others find it here.
#[derive(Debug)]
pub struct Binding<P: Policy> {
    policy: P,
    name: Option<&'static str>,
    reference: Reference,
    is_per_call: bool,
    is_keyed: bool,
    entry: OnceLock<&'static Entry<P>>,
    /// The same entry, once a call has used it.
    used: OnceLock<&'static Entry<P>>,
}

impl<P: Policy> Binding<P> {
    const_unless_modelled! {
        /// What an attribute wrote, under its name if it has one.
        #[must_use]
        pub const fn new(policy: P, name: Option<&'static str>) -> Self {
            let reference = match name {
                Some(_) => Reference::Named,
                None => Reference::Complete,
            };
            Self {
                policy,
                name,
                reference,
                is_per_call: false,
                is_keyed: false,
                entry: OnceLock::new(),
                used: OnceLock::new(),
            }
        }
    }

    /// The same binding for a policy of which code of the function computes a setting: the duration of a
    /// timeout, the delays of a retry.
    #[must_use]
    pub const fn per_call(mut self) -> Self {
        self.reference = Reference::Complete;
        self.is_per_call = true;
        self
    }

    /// The same binding for a call site that has a key, and so an instance for each value of it.
    #[must_use]
    pub const fn keyed(mut self) -> Self {
        self.is_keyed = true;
        self
    }

    /// The same binding as a part of a pipeline, which does without the policy if nobody defines it.
    #[must_use]
    pub const fn in_pipeline(mut self) -> Self {
        self.reference = Reference::Pipeline;
        self
    }

    /// The live policy.
    #[inline]
    pub fn live(&'static self) -> &'static P::Live {
        #[cfg(feature = "testing")]
        if isolation::is_asked_for() {
            return self.current();
        }
        match self.used.get() {
            Some(entry) if !entry.changes_may_end() => entry.live_as_ever(),
            Some(entry) => Self::after_ended_changes(entry),
            None => self.first_use(),
        }
    }

    /// Nothing but calls and looks tells that the time of an override is over: no task waits for it.
    #[cold]
    #[inline(never)]
    fn after_ended_changes(entry: &'static Entry<P>) -> &'static P::Live {
        entry.end_changes();
        entry.live_as_ever()
    }

    #[cold]
    #[inline(never)]
    fn first_use(&'static self) -> &'static P::Live {
        let entry = self.entry();
        if let (Reference::Pipeline, Some(name)) = (self.reference, self.name) {
            Registry::bare().first_use_of_pipeline(name);
        }
        let live = entry.first_use();
        self.used.get_or_init(|| entry);
        live
    }

    /// The live policy of the registry that this thread works on.
    #[cfg(feature = "testing")]
    #[cold]
    #[inline(never)]
    fn current(&'static self) -> &'static P::Live {
        let known = self.entry();
        let registry = Registry::bare();
        let entry = registry.entry::<P>(known.name()).unwrap_or_else(|| {
            // A static that no call site lists.
            registry.declare(known.name(), &self.declaration(known.name(), "", 0))
        });
        if let (Reference::Pipeline, Some(name)) = (self.reference, self.name) {
            registry.first_use_of_pipeline(name);
        }
        entry.first_use()
    }

    /// What the registry of the process knows of it.
    fn entry(&'static self) -> &'static Entry<P> {
        registry();
        if self.entry.get().is_none() {
            // A library that was loaded after the program had started brings its own call sites.
            attach();
        }
        // A static that no call site lists is bound under the name it has.
        self.entry.get_or_init(|| {
            let name = self.name.unwrap_or("unlisted");
            Registry::process().declare(name, &self.declaration(name, "", 0))
        })
    }

    const fn declaration(
        &self,
        call_site: &'static str,
        file: &'static str,
        line: u32,
    ) -> Declaration<P> {
        Declaration {
            policy: self.policy,
            file,
            line,
            call_site,
            reference: self.reference,
            is_keyed: self.is_keyed,
        }
    }
}

/// A binding of any kind of policy.
trait AnyBinding: Sync {
    fn kind(&self) -> Kind;
    fn name(&self) -> Option<&'static str>;
    fn is_per_call(&self) -> bool;
    fn declare(&'static self, name: &'static str, call_site: &'static str, at: &CallSite);
    /// Declares it in the registry that this thread works on.
    #[cfg(feature = "testing")]
    fn declare_again(&'static self, name: &'static str, at: &KnownSite);
    /// The name of its policy, also where it is that of the function.
    #[cfg(feature = "testing")]
    fn known_as(&'static self) -> &'static str;
}

impl<P: Policy> AnyBinding for Binding<P> {
    fn kind(&self) -> Kind {
        P::KIND
    }

    fn name(&self) -> Option<&'static str> {
        self.name
    }

    fn is_per_call(&self) -> bool {
        self.is_per_call
    }

    fn declare(&'static self, name: &'static str, call_site: &'static str, at: &CallSite) {
        self.entry.get_or_init(|| {
            let declaration = self.declaration(call_site, at.file, at.line);
            Registry::process().declare(name, &declaration)
        });
    }

    #[cfg(feature = "testing")]
    fn declare_again(&'static self, name: &'static str, at: &KnownSite) {
        let declaration = self.declaration(at.name, at.file, at.line);
        Registry::bare().declare(name, &declaration);
    }

    #[cfg(feature = "testing")]
    fn known_as(&'static self) -> &'static str {
        self.entry().name()
    }
}

/// One policy of a call site's stack.
#[derive(Clone, Copy)]
pub struct Layer {
    binding: &'static dyn AnyBinding,
    written: &'static str,
}

impl Layer {
    /// The layer of `binding`, with the attribute as it was written.
    #[must_use]
    pub const fn new<P: Policy>(binding: &'static Binding<P>, written: &'static str) -> Self {
        Self { binding, written }
    }

    /// The name of its policy, also where it is that of the function.
    #[cfg(feature = "testing")]
    pub(crate) fn policy(self) -> &'static str {
        self.binding.known_as()
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.written)
    }
}

/// An annotated function.
#[derive(Debug)]
pub struct CallSite {
    name: fn() -> &'static str,
    file: &'static str,
    line: u32,
    layers: &'static [Layer],
    #[cfg(feature = "testing")]
    takes_refusals: bool,
}

impl CallSite {
    /// The function in which the type `N` is, with its stack from the top.
    #[must_use]
    pub const fn new<N>(file: &'static str, line: u32, layers: &'static [Layer]) -> Self {
        Self {
            name: std::any::type_name::<N>,
            file,
            line,
            layers,
            #[cfg(feature = "testing")]
            takes_refusals: true,
        }
    }

    /// The same function, to whose caller no refusal would find its way.
    #[must_use]
    pub const fn unrefused(self) -> Self {
        #[cfg(feature = "testing")]
        let unrefused = Self {
            takes_refusals: false,
            ..self
        };
        #[cfg(not(feature = "testing"))]
        let unrefused = self;
        unrefused
    }
}

inventory::collect!(CallSite);

/// A call site that the registry knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownSite {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) layers: &'static [KnownLayer],
    #[cfg(feature = "testing")]
    pub(crate) takes_refusals: bool,
}

/// One policy of a call site that the registry knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownLayer {
    pub(crate) kind: Kind,
    pub(crate) policy: &'static str,
    pub(crate) written: &'static str,
    pub(crate) is_per_call: bool,
    #[cfg(feature = "testing")]
    layer: Layer,
}

/// What is known of the call sites, and how many there were when it was gathered.
struct Known {
    by_name: BTreeMap<&'static str, KnownSite>,
    attached: usize,
}

shared_static! {
    static KNOWN: Mutex<Known> = Mutex::new(Known {
        by_name: BTreeMap::new(),
        attached: 0,
    });
}

/// The registry of the process, in which every annotated function is listed before its first call.
///
/// With the feature `testing`, in a test that has a registry of its own: that one.
pub fn registry() -> &'static Registry {
    static START: Once = Once::new();
    START.call_once(attach);
    Registry::bare()
}

/// All known call sites, by name.
pub(crate) fn known_sites() -> Vec<KnownSite> {
    registry();
    KNOWN.lock().by_name.values().copied().collect()
}

/// The call site of this name.
pub(crate) fn known_site(name: &str) -> Option<KnownSite> {
    registry();
    KNOWN.lock().by_name.get(name).copied()
}

/// Declares all annotated functions in the registry that this thread works on, which is new.
#[cfg(feature = "testing")]
pub(crate) fn declare_all() {
    for site in known_sites() {
        for layer in site.layers {
            layer.layer.binding.declare_again(layer.policy, &site);
        }
    }
}

/// Makes a call site known that no attribute left behind, and binds its policies: a layer, by the place
/// where it was made.
pub fn announce(name: &'static str, file: &'static str, line: u32, layers: &'static [Layer]) {
    registry();
    let site: &'static CallSite = Box::leak(Box::new(CallSite::new::<()>(file, line, layers)));
    let mut known = KNOWN.lock();
    known
        .by_name
        .entry(name)
        .or_insert_with(|| know(site, name));
}

/// Makes the call sites known that were not, and binds their policies.
fn attach() {
    let mut known = KNOWN.lock();
    let mut sites: Vec<&'static CallSite> = inventory::iter::<CallSite>().collect();
    if sites.len() == known.attached {
        return;
    }
    known.attached = sites.len();
    sites.sort_by_key(|site| (site.file, site.line));
    let mut named: BTreeMap<&'static str, Vec<&'static CallSite>> = BTreeMap::new();
    for site in sites {
        named
            .entry(function_name((site.name)()))
            .or_default()
            .push(site);
    }
    for (name, sites) in named {
        let is_ambiguous = sites.len() > 1;
        for site in sites {
            let name = if is_ambiguous {
                String::leak(format!("{name}@{}:{}", site.file, site.line))
            } else {
                name
            };
            known
                .by_name
                .entry(name)
                .or_insert_with(|| know(site, name));
        }
    }
}

fn know(site: &'static CallSite, name: &'static str) -> KnownSite {
    let mut of_kind: BTreeMap<Kind, usize> = BTreeMap::new();
    let layers: Vec<_> = site
        .layers
        .iter()
        .map(|layer| {
            let kind = layer.binding.kind();
            let count = of_kind.entry(kind).or_default();
            *count += 1;
            let policy = layer.binding.name().unwrap_or_else(|| match *count {
                1 => name,
                number => String::leak(format!("{name}#{number}")),
            });
            layer.binding.declare(policy, name, site);
            let is_per_call = layer.binding.is_per_call();
            KnownLayer {
                kind,
                policy,
                written: layer.written,
                is_per_call,
                #[cfg(feature = "testing")]
                layer: *layer,
            }
        })
        .collect();
    KnownSite {
        name,
        file: site.file,
        line: site.line,
        layers: Vec::leak(layers),
        #[cfg(feature = "testing")]
        takes_refusals: site.takes_refusals,
    }
}

/// `shop::price` of `shop::price::{{closure}}::__ResilientName`.
fn function_name(name: &'static str) -> &'static str {
    let function = name
        .rsplit_once("::")
        .map_or(name, |(function, _)| function);
    function.trim_end_matches("::{{closure}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_called_by_its_path() {
        for (type_name, name) in [
            ("shop::price::__ResilientName", "shop::price"),
            (
                "shop::Shop::price::{{closure}}::__ResilientName",
                "shop::Shop::price",
            ),
            (
                "<shop::Shop as shop::Sell>::price::__ResilientName",
                "<shop::Shop as shop::Sell>::price",
            ),
            (
                "shop::a::{{closure}}::b::__ResilientName",
                "shop::a::{{closure}}::b",
            ),
        ] {
            assert_eq!(function_name(type_name), name);
        }
    }
}
