//! Chance that comes out the same in every run.

/// Changing it deals other orders another fate.
const SEED: u64 = 0x005e_edc4_ec80_0a7d;

/// True once in so many times, by nothing but the seed and `what` is decided.
pub(crate) fn one_in(times: u64, what: &str) -> bool {
    draw(what).is_multiple_of(times)
}

/// FNV-1a with the finish of `SplitMix64`, which spreads what differs in the last byte only.
fn draw(what: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ SEED;
    for byte in what.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
