//! What real databases, and real drivers, say of their errors: see `databases.rs`.
