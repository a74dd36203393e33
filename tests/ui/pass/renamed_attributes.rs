//! Attributes are recognised by themselves, not by their names.

use resilient::{Rejected, retry as again, timeout as deadline};

macro_rules! stacked {
    ($(#[$attribute:meta])* $name:ident, $limit:expr, $body:block) => {
        $(#[$attribute])*
        #[deadline($limit)]
        async fn $name() -> Result<u32, Rejected> $body
    };
}

stacked!(#[deadline(5s)] #[::resilient::retry(2)] #[allow(unused)] price, std::time::Duration::from_secs(1), { Ok(1) });

#[again(3)]
#[cfg_attr(all(), deadline(1s))]
#[cfg_attr(any(), again(7))]
async fn stock() -> Result<u32, Rejected> {
    Ok(1)
}

fn main() {
    drop((price(), stock()));
    let sites = resilient::registry().snapshot().call_sites;
    let written: Vec<String> = sites
        .iter()
        .map(|site| site.layers.iter().map(|layer| layer.written.to_string()).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(sites.len(), 2, "{written:?}");
    assert!(written.contains(&"retry(3) timeout(1s)".to_owned()), "{written:?}");
}
