//! Draws full stacks of attributes, each in some spelling, by a fixed seed.

use std::fmt::Write as _;

/// How many orders are drawn.
pub(crate) const ORDERS: usize = 200;

/// The kinds of policies.
pub(crate) const KINDS: [&str; 7] = [
    "circuit_breaker",
    "retry",
    "timeout",
    "bulkhead",
    "rate_limit",
    "hedge",
    "fallback",
];

/// Each kind under another name.
const RENAMED: [&str; 7] = [
    "breaker",
    "again",
    "deadline",
    "places",
    "pace",
    "beside",
    "otherwise",
];

/// What stands in the parentheses of each kind, in all orders.
const WITH: [&str; 7] = [
    "failure_threshold = 5",
    "2",
    "5s",
    "20",
    "1000/s",
    "1h",
    "replica, may_fail",
];

/// What stands between attributes and expands to nothing.
const INERT: [&str; 4] = [
    "#[allow(unused_variables)]",
    "#[inline]",
    "#[cfg(not(any()))]",
    "#[rustfmt::skip]",
];

/// One stack: a kind and a spelling for each layer, from the top.
pub(crate) struct Order {
    number: usize,
    layers: Vec<(usize, usize)>,
    inert: usize,
}

impl Order {
    pub(crate) fn name(&self) -> String {
        format!("order_{}", self.number)
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.layers.iter().map(|(kind, _)| KINDS[*kind]).collect()
    }

    /// The function with its attributes.
    fn source(&self) -> String {
        let mut source = String::new();
        let mut layers = self.layers.iter().copied().peekable();
        let mut place = 0;
        while let Some((kind, spelling)) = layers.next() {
            let (name, with) = (KINDS[kind], WITH[kind]);
            let attribute = match spelling {
                0 => format!("{name}({with})"),
                1 => format!("::resilient::{name}({with})"),
                2 => format!("{}({with})", RENAMED[kind]),
                3 => format!("cfg_attr(all(), {name}({with}))"),
                // As many as are spelled so.
                _ => {
                    let mut list = format!("{name}({with})");
                    while let Some((kind, _)) = layers.next_if(|(_, next)| *next > 3) {
                        let _ = write!(list, ", {}({})", KINDS[kind], WITH[kind]);
                    }
                    format!("resilient({list})")
                }
            };
            let _ = writeln!(source, "#[{attribute}]");
            if place == self.inert % 9 {
                let _ = writeln!(source, "{}", INERT[self.inert % INERT.len()]);
            }
            place += 1;
        }
        let (name, number) = (self.name(), self.number);
        let _ = writeln!(
            source,
            "async fn {name}() -> Answer {{\n    Ok({number})\n}}"
        );
        source
    }
}

/// A small generator: `SplitMix64` (G. Steele, D. Lea and C. Flood, 2014).
struct Seed(u64);

impl Seed {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % end as u64).expect("below a usize")
    }
}

/// All orders: of all kinds, and up to three more of any.
pub(crate) fn orders() -> Vec<Order> {
    let mut seed = Seed(20_260_101);
    let draw = |number| {
        let mut kinds: Vec<usize> = (0..KINDS.len()).collect();
        for place in (1..kinds.len()).rev() {
            kinds.swap(place, seed.below(place + 1));
        }
        for _ in 0..seed.below(4) {
            let (place, kind) = (seed.below(kinds.len() + 1), seed.below(KINDS.len()));
            kinds.insert(place, kind);
        }
        // One of these directly inside another one is refused.
        kinds
            .dedup_by(|inner, outer| inner == outer && ["retry", "hedge"].contains(&KINDS[*inner]));
        let layers = kinds
            .into_iter()
            .map(|kind| (kind, seed.below(6)))
            .collect();
        let inert = seed.below(36);
        Order {
            number,
            layers,
            inert,
        }
    };
    (0..ORDERS).map(draw).collect()
}

/// The file in which they are.
pub(crate) fn file() -> String {
    let mut file = String::from(
        "//! Orders that `draw.rs` drew. Not to be edited: `UPDATE_ORDERS=1 cargo test --test orders`.\n\n\
         use crate::attributes::*;\nuse crate::{Answer, replica};\n",
    );
    for order in orders() {
        let _ = write!(file, "\n{}", order.source());
    }
    let _ = write!(
        file,
        "\n/// Calls them all.\npub(crate) async fn all() -> Vec<Answer> {{\n    vec![\n"
    );
    for order in orders() {
        let _ = writeln!(file, "        {}().await,", order.name());
    }
    file + "    ]\n}\n"
}
