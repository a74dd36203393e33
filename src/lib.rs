//! Put attributes on a function, and the failures of what it calls stop becoming the failures of
//! who calls it.

pub use resilient_core::*;
pub use resilient_macros::*;

/// What expanded attributes call. It may change with every version: nothing of it is for use by
/// hand.
#[doc(hidden)]
pub mod __private {
    pub use resilient_core::__private::*;
    pub use resilient_core::*;
    pub use resilient_macros::__resilient_stack;
}
