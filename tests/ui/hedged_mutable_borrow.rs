use resilient::{Rejected, hedge};

struct Shop {
    asked: u32,
}

impl Shop {
    #[hedge(100ms)]
    async fn price(&mut self) -> Result<u32, Rejected> {
        self.asked += 1;
        Ok(self.asked)
    }
}

#[hedge(100ms)]
async fn count(name: &str, numbers: &mut Vec<u32>) -> Result<(), Rejected> {
    numbers.push(name.len() as u32);
    Ok(())
}

fn main() {}
