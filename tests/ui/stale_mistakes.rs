use resilient::{Rejected, fallback, retry};

type Answer = Result<u32, Rejected>;

fn other(_: u32) -> Answer {
    Ok(1)
}

#[fallback(stale = 10m)]
async fn without_key(id: u32) -> Answer {
    Ok(id)
}

#[fallback(stale = 0s, key = id)]
async fn too_fresh(id: u32) -> Answer {
    Ok(id)
}

#[fallback(stale = 10m, key = id, entries = 0)]
async fn no_entries(id: u32) -> Answer {
    Ok(id)
}

#[fallback(other, stale = 10m, key = id)]
async fn two_answers(id: u32) -> Answer {
    Ok(id)
}

#[fallback(key = id)]
async fn key_alone(id: u32) -> Answer {
    Ok(id)
}

#[fallback(other, entries = 10)]
async fn entries_alone(id: u32) -> Answer {
    Ok(id)
}

#[fallback("prices", value = 1, mark = other)]
async fn mark_alone(id: u32) -> Answer {
    Ok(id)
}

#[fallback(stale = 10m, key = id, mark = 7)]
async fn no_mark(id: u32) -> Answer {
    Ok(id)
}

#[retry(3)]
#[fallback(stale = 10m, key = id)]
async fn hidden(id: u32) -> Answer {
    Ok(id)
}

#[fallback(stale = 10m, key = id)]
async fn cannot_fail(id: u32) -> u32 {
    id
}

fn main() {}
