//! Orders that `draw.rs` drew. Not to be edited: `UPDATE_ORDERS=1 cargo test --test orders`.

use crate::attributes::*;
use crate::{Answer, replica};

#[breaker(failure_threshold = 5)]
#[allow(unused_variables)]
#[resilient(retry(2))]
#[beside(1h)]
#[resilient(rate_limit(1000/s))]
#[bulkhead(20)]
#[resilient(timeout(5s))]
#[fallback(replica, may_fail)]
#[hedge(1h)]
async fn order_0() -> Answer {
    Ok(0)
}

#[hedge(1h)]
#[cfg_attr(all(), timeout(5s))]
#[::resilient::hedge(1h)]
#[resilient(retry(2))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(bulkhead(20))]
#[breaker(failure_threshold = 5)]
#[rustfmt::skip]
#[pace(1000/s)]
async fn order_1() -> Answer {
    Ok(1)
}

#[resilient(rate_limit(1000/s), fallback(replica, may_fail))]
#[hedge(1h)]
#[cfg_attr(all(), timeout(5s))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::retry(2)]
#[bulkhead(20)]
#[rustfmt::skip]
#[resilient(retry(2))]
async fn order_2() -> Answer {
    Ok(2)
}

#[::resilient::circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[hedge(1h)]
#[bulkhead(20)]
#[resilient(fallback(replica, may_fail), retry(2))]
#[::resilient::timeout(5s)]
#[allow(unused_variables)]
#[resilient(bulkhead(20), rate_limit(1000/s))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
async fn order_3() -> Answer {
    Ok(3)
}

#[resilient(fallback(replica, may_fail))]
#[deadline(5s)]
#[deadline(5s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[rate_limit(1000/s)]
#[cfg(not(any()))]
#[resilient(retry(2), hedge(1h))]
#[cfg_attr(all(), bulkhead(20))]
async fn order_4() -> Answer {
    Ok(4)
}

#[breaker(failure_threshold = 5)]
#[::resilient::retry(2)]
#[::resilient::hedge(1h)]
#[resilient(bulkhead(20))]
#[::resilient::fallback(replica, may_fail)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[pace(1000/s)]
#[cfg_attr(all(), timeout(5s))]
#[inline]
#[otherwise(replica, may_fail)]
async fn order_5() -> Answer {
    Ok(5)
}

#[::resilient::bulkhead(20)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(bulkhead(20), rate_limit(1000/s))]
#[cfg_attr(all(), hedge(1h))]
#[resilient(retry(2))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(hedge(1h))]
#[allow(unused_variables)]
#[::resilient::timeout(5s)]
async fn order_6() -> Answer {
    Ok(6)
}

#[resilient(retry(2))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[beside(1h)]
#[::resilient::retry(2)]
#[cfg(not(any()))]
#[otherwise(replica, may_fail)]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(rate_limit(1000/s))]
#[deadline(5s)]
#[again(2)]
async fn order_7() -> Answer {
    Ok(7)
}

#[bulkhead(20)]
#[resilient(timeout(5s))]
#[cfg(not(any()))]
#[again(2)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::hedge(1h)]
#[places(20)]
#[rate_limit(1000/s)]
#[resilient(fallback(replica, may_fail))]
async fn order_8() -> Answer {
    Ok(8)
}

#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[otherwise(replica, may_fail)]
#[resilient(hedge(1h))]
#[rate_limit(1000/s)]
#[resilient(bulkhead(20))]
#[places(20)]
#[resilient(timeout(5s))]
#[retry(2)]
async fn order_9() -> Answer {
    Ok(9)
}

#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(fallback(replica, may_fail))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[deadline(5s)]
#[::resilient::hedge(1h)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[beside(1h)]
#[again(2)]
#[bulkhead(20)]
#[allow(unused_variables)]
async fn order_10() -> Answer {
    Ok(10)
}

#[cfg_attr(all(), rate_limit(1000/s))]
#[breaker(failure_threshold = 5)]
#[rustfmt::skip]
#[resilient(hedge(1h))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(bulkhead(20))]
#[cfg_attr(all(), retry(2))]
#[timeout(5s)]
async fn order_11() -> Answer {
    Ok(11)
}

#[::resilient::fallback(replica, may_fail)]
#[::resilient::hedge(1h)]
#[circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), retry(2))]
#[pace(1000/s)]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(timeout(5s))]
async fn order_12() -> Answer {
    Ok(12)
}

#[resilient(retry(2))]
#[places(20)]
#[circuit_breaker(failure_threshold = 5)]
#[allow(unused_variables)]
#[resilient(fallback(replica, may_fail), hedge(1h), timeout(5s), rate_limit(1000/s))]
async fn order_13() -> Answer {
    Ok(13)
}

#[resilient(retry(2))]
#[::resilient::rate_limit(1000/s)]
#[resilient(bulkhead(20))]
#[deadline(5s)]
#[rustfmt::skip]
#[cfg_attr(all(), hedge(1h))]
#[retry(2)]
#[resilient(circuit_breaker(failure_threshold = 5), rate_limit(1000/s))]
#[otherwise(replica, may_fail)]
async fn order_14() -> Answer {
    Ok(14)
}

#[resilient(bulkhead(20))]
#[rate_limit(1000/s)]
#[cfg(not(any()))]
#[resilient(retry(2))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[::resilient::rate_limit(1000/s)]
#[cfg_attr(all(), hedge(1h))]
#[cfg_attr(all(), timeout(5s))]
#[cfg_attr(all(), fallback(replica, may_fail))]
async fn order_15() -> Answer {
    Ok(15)
}

#[cfg_attr(all(), rate_limit(1000/s))]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), retry(2))]
#[cfg(not(any()))]
#[circuit_breaker(failure_threshold = 5)]
#[beside(1h)]
#[::resilient::timeout(5s)]
#[resilient(bulkhead(20))]
#[::resilient::hedge(1h)]
async fn order_16() -> Answer {
    Ok(16)
}

#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(retry(2))]
#[cfg(not(any()))]
#[hedge(1h)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[otherwise(replica, may_fail)]
#[fallback(replica, may_fail)]
#[cfg_attr(all(), timeout(5s))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(timeout(5s), retry(2))]
async fn order_17() -> Answer {
    Ok(17)
}

#[bulkhead(20)]
#[inline]
#[again(2)]
#[resilient(hedge(1h))]
#[::resilient::rate_limit(1000/s)]
#[::resilient::timeout(5s)]
#[::resilient::hedge(1h)]
#[circuit_breaker(failure_threshold = 5)]
#[breaker(failure_threshold = 5)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(bulkhead(20))]
async fn order_18() -> Answer {
    Ok(18)
}

#[resilient(timeout(5s), hedge(1h), circuit_breaker(failure_threshold = 5))]
#[inline]
#[cfg_attr(all(), rate_limit(1000/s))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(hedge(1h), bulkhead(20))]
#[cfg_attr(all(), retry(2))]
async fn order_19() -> Answer {
    Ok(19)
}

#[resilient(hedge(1h))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(rate_limit(1000/s), timeout(5s))]
#[cfg_attr(all(), hedge(1h))]
#[rustfmt::skip]
#[resilient(circuit_breaker(failure_threshold = 5), retry(2))]
async fn order_20() -> Answer {
    Ok(20)
}

#[::resilient::hedge(1h)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[rate_limit(1000/s)]
#[resilient(bulkhead(20))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(retry(2))]
#[inline]
#[::resilient::timeout(5s)]
#[::resilient::hedge(1h)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(timeout(5s))]
async fn order_21() -> Answer {
    Ok(21)
}

#[cfg_attr(all(), rate_limit(1000/s))]
#[timeout(5s)]
#[beside(1h)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[again(2)]
#[resilient(fallback(replica, may_fail))]
#[inline]
#[::resilient::bulkhead(20)]
async fn order_22() -> Answer {
    Ok(22)
}

#[resilient(rate_limit(1000/s), hedge(1h))]
#[pace(1000/s)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(circuit_breaker(failure_threshold = 5), bulkhead(20))]
#[::resilient::hedge(1h)]
#[cfg(not(any()))]
#[deadline(5s)]
#[resilient(fallback(replica, may_fail), retry(2))]
async fn order_23() -> Answer {
    Ok(23)
}

#[resilient(retry(2))]
#[allow(unused_variables)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[::resilient::rate_limit(1000/s)]
#[resilient(hedge(1h))]
#[otherwise(replica, may_fail)]
#[deadline(5s)]
#[bulkhead(20)]
async fn order_24() -> Answer {
    Ok(24)
}

#[::resilient::hedge(1h)]
#[circuit_breaker(failure_threshold = 5)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(circuit_breaker(failure_threshold = 5), bulkhead(20))]
#[cfg(not(any()))]
#[cfg_attr(all(), retry(2))]
#[::resilient::timeout(5s)]
#[resilient(timeout(5s))]
#[places(20)]
#[::resilient::rate_limit(1000/s)]
async fn order_25() -> Answer {
    Ok(25)
}

#[deadline(5s)]
#[beside(1h)]
#[again(2)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(bulkhead(20), fallback(replica, may_fail))]
#[pace(1000/s)]
#[cfg(not(any()))]
async fn order_26() -> Answer {
    Ok(26)
}

#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), bulkhead(20))]
#[allow(unused_variables)]
#[resilient(hedge(1h))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(retry(2))]
#[::resilient::timeout(5s)]
#[resilient(fallback(replica, may_fail))]
async fn order_27() -> Answer {
    Ok(27)
}

#[resilient(circuit_breaker(failure_threshold = 5), hedge(1h), bulkhead(20))]
#[retry(2)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[deadline(5s)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(rate_limit(1000/s))]
async fn order_28() -> Answer {
    Ok(28)
}

#[::resilient::circuit_breaker(failure_threshold = 5)]
#[retry(2)]
#[inline]
#[bulkhead(20)]
#[cfg_attr(all(), hedge(1h))]
#[deadline(5s)]
#[rate_limit(1000/s)]
#[otherwise(replica, may_fail)]
async fn order_29() -> Answer {
    Ok(29)
}

#[::resilient::retry(2)]
#[resilient(rate_limit(1000/s))]
#[cfg_attr(all(), retry(2))]
#[beside(1h)]
#[cfg(not(any()))]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), hedge(1h))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::rate_limit(1000/s)]
#[deadline(5s)]
#[places(20)]
async fn order_30() -> Answer {
    Ok(30)
}

#[::resilient::rate_limit(1000/s)]
#[hedge(1h)]
#[resilient(retry(2))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[places(20)]
#[deadline(5s)]
#[inline]
#[resilient(fallback(replica, may_fail))]
#[::resilient::retry(2)]
#[deadline(5s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
async fn order_31() -> Answer {
    Ok(31)
}

#[cfg_attr(all(), bulkhead(20))]
#[otherwise(replica, may_fail)]
#[::resilient::bulkhead(20)]
#[circuit_breaker(failure_threshold = 5)]
#[::resilient::rate_limit(1000/s)]
#[resilient(retry(2))]
#[allow(unused_variables)]
#[hedge(1h)]
#[otherwise(replica, may_fail)]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), timeout(5s))]
async fn order_32() -> Answer {
    Ok(32)
}

#[breaker(failure_threshold = 5)]
#[retry(2)]
#[::resilient::rate_limit(1000/s)]
#[cfg(not(any()))]
#[resilient(fallback(replica, may_fail))]
#[beside(1h)]
#[again(2)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), bulkhead(20))]
async fn order_33() -> Answer {
    Ok(33)
}

#[hedge(1h)]
#[circuit_breaker(failure_threshold = 5)]
#[pace(1000/s)]
#[allow(unused_variables)]
#[resilient(fallback(replica, may_fail), timeout(5s))]
#[places(20)]
#[::resilient::retry(2)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), timeout(5s))]
async fn order_34() -> Answer {
    Ok(34)
}

#[deadline(5s)]
#[resilient(rate_limit(1000/s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[::resilient::hedge(1h)]
#[cfg(not(any()))]
#[places(20)]
#[resilient(fallback(replica, may_fail))]
#[cfg_attr(all(), retry(2))]
async fn order_35() -> Answer {
    Ok(35)
}

#[::resilient::fallback(replica, may_fail)]
#[again(2)]
#[pace(1000/s)]
#[inline]
#[cfg_attr(all(), timeout(5s))]
#[::resilient::hedge(1h)]
#[resilient(bulkhead(20), circuit_breaker(failure_threshold = 5))]
async fn order_36() -> Answer {
    Ok(36)
}

#[::resilient::rate_limit(1000/s)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[allow(unused_variables)]
#[::resilient::timeout(5s)]
#[::resilient::bulkhead(20)]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), hedge(1h))]
#[retry(2)]
async fn order_37() -> Answer {
    Ok(37)
}

#[retry(2)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::rate_limit(1000/s)]
#[resilient(bulkhead(20))]
#[beside(1h)]
#[deadline(5s)]
async fn order_38() -> Answer {
    Ok(38)
}

#[::resilient::retry(2)]
#[resilient(rate_limit(1000/s), fallback(replica, may_fail))]
#[again(2)]
#[cfg(not(any()))]
#[cfg_attr(all(), bulkhead(20))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[beside(1h)]
#[resilient(retry(2))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(timeout(5s))]
async fn order_39() -> Answer {
    Ok(39)
}

#[resilient(hedge(1h))]
#[otherwise(replica, may_fail)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[retry(2)]
#[cfg(not(any()))]
#[places(20)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[deadline(5s)]
#[beside(1h)]
#[pace(1000/s)]
async fn order_40() -> Answer {
    Ok(40)
}

#[beside(1h)]
#[cfg_attr(all(), retry(2))]
#[cfg(not(any()))]
#[timeout(5s)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[circuit_breaker(failure_threshold = 5)]
#[pace(1000/s)]
#[cfg_attr(all(), bulkhead(20))]
async fn order_41() -> Answer {
    Ok(41)
}

#[timeout(5s)]
#[circuit_breaker(failure_threshold = 5)]
#[inline]
#[cfg_attr(all(), bulkhead(20))]
#[bulkhead(20)]
#[resilient(timeout(5s))]
#[hedge(1h)]
#[resilient(fallback(replica, may_fail))]
#[::resilient::retry(2)]
#[resilient(rate_limit(1000/s))]
async fn order_42() -> Answer {
    Ok(42)
}

#[deadline(5s)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(timeout(5s), fallback(replica, may_fail))]
#[inline]
#[hedge(1h)]
#[::resilient::rate_limit(1000/s)]
#[resilient(bulkhead(20))]
#[again(2)]
async fn order_43() -> Answer {
    Ok(43)
}

#[resilient(retry(2))]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), retry(2))]
#[rate_limit(1000/s)]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), timeout(5s))]
#[resilient(hedge(1h))]
#[cfg_attr(all(), bulkhead(20))]
#[cfg(not(any()))]
async fn order_44() -> Answer {
    Ok(44)
}

#[resilient(rate_limit(1000/s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), hedge(1h))]
#[resilient(bulkhead(20))]
#[::resilient::fallback(replica, may_fail)]
#[resilient(timeout(5s), retry(2))]
async fn order_45() -> Answer {
    Ok(45)
}

#[resilient(fallback(replica, may_fail))]
#[::resilient::rate_limit(1000/s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[hedge(1h)]
#[timeout(5s)]
#[resilient(retry(2), bulkhead(20))]
async fn order_46() -> Answer {
    Ok(46)
}

#[::resilient::bulkhead(20)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(hedge(1h))]
#[retry(2)]
async fn order_47() -> Answer {
    Ok(47)
}

#[hedge(1h)]
#[::resilient::bulkhead(20)]
#[::resilient::hedge(1h)]
#[retry(2)]
#[rate_limit(1000/s)]
#[inline]
#[cfg_attr(all(), bulkhead(20))]
#[deadline(5s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::fallback(replica, may_fail)]
async fn order_48() -> Answer {
    Ok(48)
}

#[places(20)]
#[::resilient::hedge(1h)]
#[cfg_attr(all(), retry(2))]
#[resilient(timeout(5s))]
#[retry(2)]
#[pace(1000/s)]
#[::resilient::retry(2)]
#[otherwise(replica, may_fail)]
#[resilient(circuit_breaker(failure_threshold = 5), timeout(5s))]
#[rustfmt::skip]
async fn order_49() -> Answer {
    Ok(49)
}

#[::resilient::bulkhead(20)]
#[::resilient::retry(2)]
#[otherwise(replica, may_fail)]
#[beside(1h)]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(retry(2))]
#[rate_limit(1000/s)]
#[resilient(timeout(5s))]
#[cfg(not(any()))]
async fn order_50() -> Answer {
    Ok(50)
}

#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), hedge(1h))]
#[resilient(fallback(replica, may_fail), retry(2), rate_limit(1000/s))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[::resilient::timeout(5s)]
#[allow(unused_variables)]
#[::resilient::timeout(5s)]
#[resilient(bulkhead(20))]
async fn order_51() -> Answer {
    Ok(51)
}

#[pace(1000/s)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(hedge(1h), circuit_breaker(failure_threshold = 5))]
#[fallback(replica, may_fail)]
#[cfg_attr(all(), timeout(5s))]
#[resilient(fallback(replica, may_fail))]
#[retry(2)]
#[rustfmt::skip]
#[beside(1h)]
#[resilient(bulkhead(20))]
async fn order_52() -> Answer {
    Ok(52)
}

#[beside(1h)]
#[cfg_attr(all(), bulkhead(20))]
#[breaker(failure_threshold = 5)]
#[pace(1000/s)]
#[fallback(replica, may_fail)]
#[inline]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[timeout(5s)]
#[resilient(retry(2))]
#[::resilient::fallback(replica, may_fail)]
async fn order_53() -> Answer {
    Ok(53)
}

#[pace(1000/s)]
#[beside(1h)]
#[resilient(retry(2))]
#[rate_limit(1000/s)]
#[cfg_attr(all(), bulkhead(20))]
#[cfg_attr(all(), bulkhead(20))]
#[allow(unused_variables)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(timeout(5s), circuit_breaker(failure_threshold = 5))]
async fn order_54() -> Answer {
    Ok(54)
}

#[circuit_breaker(failure_threshold = 5)]
#[places(20)]
#[rate_limit(1000/s)]
#[resilient(hedge(1h))]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(retry(2))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(fallback(replica, may_fail))]
#[deadline(5s)]
#[allow(unused_variables)]
#[circuit_breaker(failure_threshold = 5)]
async fn order_55() -> Answer {
    Ok(55)
}

#[cfg_attr(all(), hedge(1h))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(retry(2))]
#[::resilient::rate_limit(1000/s)]
#[bulkhead(20)]
#[resilient(timeout(5s))]
#[rustfmt::skip]
#[fallback(replica, may_fail)]
#[circuit_breaker(failure_threshold = 5)]
async fn order_56() -> Answer {
    Ok(56)
}

#[again(2)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[::resilient::bulkhead(20)]
#[circuit_breaker(failure_threshold = 5)]
#[rustfmt::skip]
#[resilient(rate_limit(1000/s))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(timeout(5s), hedge(1h), rate_limit(1000/s))]
async fn order_57() -> Answer {
    Ok(57)
}

#[bulkhead(20)]
#[resilient(hedge(1h))]
#[pace(1000/s)]
#[breaker(failure_threshold = 5)]
#[::resilient::timeout(5s)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[allow(unused_variables)]
#[resilient(retry(2), bulkhead(20), fallback(replica, may_fail))]
#[cfg_attr(all(), hedge(1h))]
async fn order_58() -> Answer {
    Ok(58)
}

#[bulkhead(20)]
#[resilient(fallback(replica, may_fail))]
#[::resilient::retry(2)]
#[breaker(failure_threshold = 5)]
#[::resilient::rate_limit(1000/s)]
#[rate_limit(1000/s)]
#[rustfmt::skip]
#[resilient(timeout(5s))]
#[beside(1h)]
async fn order_59() -> Answer {
    Ok(59)
}

#[fallback(replica, may_fail)]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(hedge(1h), bulkhead(20))]
#[::resilient::rate_limit(1000/s)]
#[deadline(5s)]
#[again(2)]
async fn order_60() -> Answer {
    Ok(60)
}

#[::resilient::retry(2)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[hedge(1h)]
#[::resilient::bulkhead(20)]
#[rate_limit(1000/s)]
#[rustfmt::skip]
#[resilient(fallback(replica, may_fail), timeout(5s))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[cfg_attr(all(), bulkhead(20))]
async fn order_61() -> Answer {
    Ok(61)
}

#[resilient(bulkhead(20), timeout(5s))]
#[allow(unused_variables)]
#[circuit_breaker(failure_threshold = 5)]
#[::resilient::bulkhead(20)]
#[otherwise(replica, may_fail)]
#[breaker(failure_threshold = 5)]
#[resilient(hedge(1h))]
#[deadline(5s)]
#[cfg_attr(all(), retry(2))]
#[pace(1000/s)]
async fn order_62() -> Answer {
    Ok(62)
}

#[resilient(hedge(1h), fallback(replica, may_fail), retry(2), rate_limit(1000/s))]
#[allow(unused_variables)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[deadline(5s)]
#[places(20)]
async fn order_63() -> Answer {
    Ok(63)
}

#[bulkhead(20)]
#[hedge(1h)]
#[again(2)]
#[resilient(circuit_breaker(failure_threshold = 5), bulkhead(20), fallback(replica, may_fail))]
#[again(2)]
#[cfg_attr(all(), timeout(5s))]
#[pace(1000/s)]
#[allow(unused_variables)]
async fn order_64() -> Answer {
    Ok(64)
}

#[resilient(retry(2))]
#[cfg_attr(all(), timeout(5s))]
#[::resilient::hedge(1h)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[bulkhead(20)]
#[fallback(replica, may_fail)]
#[cfg(not(any()))]
#[resilient(rate_limit(1000/s))]
async fn order_65() -> Answer {
    Ok(65)
}

#[::resilient::rate_limit(1000/s)]
#[rustfmt::skip]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(fallback(replica, may_fail), retry(2))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(timeout(5s))]
#[hedge(1h)]
async fn order_66() -> Answer {
    Ok(66)
}

#[timeout(5s)]
#[::resilient::bulkhead(20)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg(not(any()))]
#[retry(2)]
#[timeout(5s)]
#[deadline(5s)]
#[resilient(hedge(1h), fallback(replica, may_fail), rate_limit(1000/s))]
async fn order_67() -> Answer {
    Ok(67)
}

#[resilient(timeout(5s))]
#[fallback(replica, may_fail)]
#[::resilient::bulkhead(20)]
#[allow(unused_variables)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[hedge(1h)]
#[pace(1000/s)]
#[cfg_attr(all(), bulkhead(20))]
#[::resilient::retry(2)]
async fn order_68() -> Answer {
    Ok(68)
}

#[deadline(5s)]
#[places(20)]
#[allow(unused_variables)]
#[cfg_attr(all(), hedge(1h))]
#[fallback(replica, may_fail)]
#[pace(1000/s)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), retry(2))]
#[::resilient::rate_limit(1000/s)]
#[rate_limit(1000/s)]
async fn order_69() -> Answer {
    Ok(69)
}

#[resilient(hedge(1h))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[allow(unused_variables)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[::resilient::retry(2)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[bulkhead(20)]
async fn order_70() -> Answer {
    Ok(70)
}

#[otherwise(replica, may_fail)]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(timeout(5s))]
#[allow(unused_variables)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[again(2)]
#[places(20)]
#[cfg_attr(all(), hedge(1h))]
#[::resilient::fallback(replica, may_fail)]
async fn order_71() -> Answer {
    Ok(71)
}

#[resilient(timeout(5s), hedge(1h))]
#[::resilient::retry(2)]
#[cfg_attr(all(), hedge(1h))]
#[resilient(rate_limit(1000/s))]
#[places(20)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[beside(1h)]
#[rustfmt::skip]
#[::resilient::fallback(replica, may_fail)]
#[timeout(5s)]
async fn order_72() -> Answer {
    Ok(72)
}

#[resilient(rate_limit(1000/s))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(timeout(5s))]
#[allow(unused_variables)]
#[::resilient::retry(2)]
#[hedge(1h)]
#[resilient(fallback(replica, may_fail))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(retry(2), bulkhead(20), timeout(5s))]
async fn order_73() -> Answer {
    Ok(73)
}

#[::resilient::hedge(1h)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(timeout(5s), fallback(replica, may_fail))]
#[::resilient::rate_limit(1000/s)]
#[cfg_attr(all(), retry(2))]
#[::resilient::hedge(1h)]
#[rustfmt::skip]
#[cfg_attr(all(), bulkhead(20))]
async fn order_74() -> Answer {
    Ok(74)
}

#[bulkhead(20)]
#[allow(unused_variables)]
#[resilient(circuit_breaker(failure_threshold = 5), fallback(replica, may_fail))]
#[retry(2)]
#[resilient(hedge(1h))]
#[rate_limit(1000/s)]
#[cfg_attr(all(), timeout(5s))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(rate_limit(1000/s))]
async fn order_75() -> Answer {
    Ok(75)
}

#[retry(2)]
#[resilient(fallback(replica, may_fail))]
#[hedge(1h)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(fallback(replica, may_fail))]
#[::resilient::bulkhead(20)]
#[rate_limit(1000/s)]
#[inline]
#[timeout(5s)]
async fn order_76() -> Answer {
    Ok(76)
}

#[resilient(timeout(5s))]
#[bulkhead(20)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[inline]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(hedge(1h), retry(2))]
#[rate_limit(1000/s)]
async fn order_77() -> Answer {
    Ok(77)
}

#[::resilient::retry(2)]
#[resilient(rate_limit(1000/s), timeout(5s))]
#[retry(2)]
#[resilient(fallback(replica, may_fail))]
#[rustfmt::skip]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[::resilient::hedge(1h)]
#[resilient(bulkhead(20))]
async fn order_78() -> Answer {
    Ok(78)
}

#[deadline(5s)]
#[::resilient::hedge(1h)]
#[resilient(retry(2))]
#[::resilient::rate_limit(1000/s)]
#[resilient(rate_limit(1000/s))]
#[::resilient::fallback(replica, may_fail)]
#[inline]
#[cfg_attr(all(), bulkhead(20))]
#[places(20)]
#[resilient(timeout(5s), circuit_breaker(failure_threshold = 5))]
async fn order_79() -> Answer {
    Ok(79)
}

#[deadline(5s)]
#[::resilient::retry(2)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(hedge(1h))]
#[cfg_attr(all(), retry(2))]
#[resilient(rate_limit(1000/s))]
#[fallback(replica, may_fail)]
#[circuit_breaker(failure_threshold = 5)]
#[again(2)]
#[inline]
#[places(20)]
async fn order_80() -> Answer {
    Ok(80)
}

#[::resilient::circuit_breaker(failure_threshold = 5)]
#[inline]
#[deadline(5s)]
#[resilient(hedge(1h))]
#[otherwise(replica, may_fail)]
#[::resilient::bulkhead(20)]
#[::resilient::rate_limit(1000/s)]
#[cfg_attr(all(), retry(2))]
async fn order_81() -> Answer {
    Ok(81)
}

#[resilient(hedge(1h))]
#[pace(1000/s)]
#[bulkhead(20)]
#[resilient(fallback(replica, may_fail))]
#[timeout(5s)]
#[circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), retry(2))]
async fn order_82() -> Answer {
    Ok(82)
}

#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(fallback(replica, may_fail), rate_limit(1000/s), bulkhead(20))]
#[fallback(replica, may_fail)]
#[places(20)]
#[resilient(hedge(1h))]
#[rustfmt::skip]
#[::resilient::timeout(5s)]
#[breaker(failure_threshold = 5)]
#[::resilient::retry(2)]
async fn order_83() -> Answer {
    Ok(83)
}

#[cfg_attr(all(), bulkhead(20))]
#[cfg_attr(all(), retry(2))]
#[::resilient::rate_limit(1000/s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), timeout(5s))]
#[hedge(1h)]
#[otherwise(replica, may_fail)]
async fn order_84() -> Answer {
    Ok(84)
}

#[again(2)]
#[bulkhead(20)]
#[resilient(rate_limit(1000/s), fallback(replica, may_fail))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[beside(1h)]
#[::resilient::timeout(5s)]
async fn order_85() -> Answer {
    Ok(85)
}

#[rate_limit(1000/s)]
#[retry(2)]
#[cfg_attr(all(), hedge(1h))]
#[rustfmt::skip]
#[cfg_attr(all(), timeout(5s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[places(20)]
#[::resilient::fallback(replica, may_fail)]
async fn order_86() -> Answer {
    Ok(86)
}

#[resilient(hedge(1h), fallback(replica, may_fail))]
#[retry(2)]
#[allow(unused_variables)]
#[rate_limit(1000/s)]
#[resilient(timeout(5s))]
#[::resilient::bulkhead(20)]
#[resilient(hedge(1h))]
#[breaker(failure_threshold = 5)]
#[resilient(circuit_breaker(failure_threshold = 5))]
async fn order_87() -> Answer {
    Ok(87)
}

#[resilient(hedge(1h), fallback(replica, may_fail))]
#[::resilient::bulkhead(20)]
#[retry(2)]
#[circuit_breaker(failure_threshold = 5)]
#[beside(1h)]
#[timeout(5s)]
#[pace(1000/s)]
async fn order_88() -> Answer {
    Ok(88)
}

#[::resilient::hedge(1h)]
#[otherwise(replica, may_fail)]
#[rate_limit(1000/s)]
#[::resilient::retry(2)]
#[timeout(5s)]
#[retry(2)]
#[breaker(failure_threshold = 5)]
#[resilient(bulkhead(20))]
#[otherwise(replica, may_fail)]
#[allow(unused_variables)]
async fn order_89() -> Answer {
    Ok(89)
}

#[cfg_attr(all(), hedge(1h))]
#[resilient(retry(2))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(circuit_breaker(failure_threshold = 5), hedge(1h))]
#[timeout(5s)]
#[timeout(5s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[otherwise(replica, may_fail)]
#[cfg(not(any()))]
#[resilient(rate_limit(1000/s))]
async fn order_90() -> Answer {
    Ok(90)
}

#[::resilient::rate_limit(1000/s)]
#[cfg_attr(all(), hedge(1h))]
#[::resilient::timeout(5s)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(bulkhead(20))]
#[cfg(not(any()))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[resilient(retry(2))]
#[timeout(5s)]
async fn order_91() -> Answer {
    Ok(91)
}

#[pace(1000/s)]
#[resilient(retry(2))]
#[cfg_attr(all(), timeout(5s))]
#[::resilient::bulkhead(20)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[deadline(5s)]
#[hedge(1h)]
async fn order_92() -> Answer {
    Ok(92)
}

#[::resilient::fallback(replica, may_fail)]
#[bulkhead(20)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[::resilient::rate_limit(1000/s)]
#[::resilient::hedge(1h)]
#[resilient(retry(2))]
async fn order_93() -> Answer {
    Ok(93)
}

#[resilient(retry(2))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), timeout(5s))]
#[resilient(rate_limit(1000/s))]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), hedge(1h))]
#[rustfmt::skip]
#[resilient(bulkhead(20))]
async fn order_94() -> Answer {
    Ok(94)
}

#[pace(1000/s)]
#[resilient(timeout(5s), retry(2))]
#[fallback(replica, may_fail)]
#[cfg_attr(all(), hedge(1h))]
#[resilient(circuit_breaker(failure_threshold = 5), hedge(1h))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), bulkhead(20))]
#[::resilient::fallback(replica, may_fail)]
async fn order_95() -> Answer {
    Ok(95)
}

#[again(2)]
#[::resilient::fallback(replica, may_fail)]
#[inline]
#[again(2)]
#[resilient(hedge(1h), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), timeout(5s))]
#[resilient(rate_limit(1000/s))]
#[places(20)]
async fn order_96() -> Answer {
    Ok(96)
}

#[resilient(fallback(replica, may_fail))]
#[rustfmt::skip]
#[rate_limit(1000/s)]
#[resilient(bulkhead(20))]
#[circuit_breaker(failure_threshold = 5)]
#[::resilient::bulkhead(20)]
#[resilient(hedge(1h))]
#[cfg_attr(all(), timeout(5s))]
#[::resilient::timeout(5s)]
#[rate_limit(1000/s)]
#[::resilient::retry(2)]
async fn order_97() -> Answer {
    Ok(97)
}

#[rate_limit(1000/s)]
#[otherwise(replica, may_fail)]
#[resilient(retry(2))]
#[circuit_breaker(failure_threshold = 5)]
#[cfg(not(any()))]
#[::resilient::hedge(1h)]
#[timeout(5s)]
#[places(20)]
#[beside(1h)]
#[fallback(replica, may_fail)]
async fn order_98() -> Answer {
    Ok(98)
}

#[::resilient::retry(2)]
#[resilient(fallback(replica, may_fail))]
#[breaker(failure_threshold = 5)]
#[resilient(rate_limit(1000/s), retry(2))]
#[deadline(5s)]
#[rustfmt::skip]
#[bulkhead(20)]
#[::resilient::hedge(1h)]
async fn order_99() -> Answer {
    Ok(99)
}

#[cfg_attr(all(), bulkhead(20))]
#[allow(unused_variables)]
#[pace(1000/s)]
#[resilient(timeout(5s), retry(2))]
#[beside(1h)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(fallback(replica, may_fail))]
async fn order_100() -> Answer {
    Ok(100)
}

#[::resilient::hedge(1h)]
#[resilient(rate_limit(1000/s), rate_limit(1000/s))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(retry(2))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[again(2)]
#[::resilient::fallback(replica, may_fail)]
#[rustfmt::skip]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(timeout(5s))]
async fn order_101() -> Answer {
    Ok(101)
}

#[rate_limit(1000/s)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), retry(2))]
#[inline]
#[cfg_attr(all(), rate_limit(1000/s))]
#[bulkhead(20)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(hedge(1h), timeout(5s))]
#[cfg_attr(all(), rate_limit(1000/s))]
async fn order_102() -> Answer {
    Ok(102)
}

#[resilient(timeout(5s))]
#[hedge(1h)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[::resilient::bulkhead(20)]
#[resilient(retry(2))]
#[rate_limit(1000/s)]
#[fallback(replica, may_fail)]
async fn order_103() -> Answer {
    Ok(103)
}

#[retry(2)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[pace(1000/s)]
#[cfg_attr(all(), timeout(5s))]
#[bulkhead(20)]
#[resilient(fallback(replica, may_fail))]
#[::resilient::hedge(1h)]
async fn order_104() -> Answer {
    Ok(104)
}

#[resilient(retry(2), bulkhead(20))]
#[timeout(5s)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[rustfmt::skip]
#[beside(1h)]
#[resilient(timeout(5s), fallback(replica, may_fail))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
async fn order_105() -> Answer {
    Ok(105)
}

#[resilient(rate_limit(1000/s))]
#[::resilient::bulkhead(20)]
#[deadline(5s)]
#[cfg_attr(all(), hedge(1h))]
#[cfg(not(any()))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[breaker(failure_threshold = 5)]
#[::resilient::retry(2)]
async fn order_106() -> Answer {
    Ok(106)
}

#[hedge(1h)]
#[retry(2)]
#[cfg(not(any()))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[fallback(replica, may_fail)]
#[resilient(circuit_breaker(failure_threshold = 5), timeout(5s))]
#[bulkhead(20)]
#[cfg_attr(all(), rate_limit(1000/s))]
async fn order_107() -> Answer {
    Ok(107)
}

#[resilient(timeout(5s))]
#[breaker(failure_threshold = 5)]
#[cfg_attr(all(), retry(2))]
#[::resilient::hedge(1h)]
#[resilient(bulkhead(20))]
#[fallback(replica, may_fail)]
#[rate_limit(1000/s)]
async fn order_108() -> Answer {
    Ok(108)
}

#[beside(1h)]
#[cfg_attr(all(), retry(2))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[cfg(not(any()))]
#[resilient(bulkhead(20))]
#[cfg_attr(all(), timeout(5s))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[cfg_attr(all(), rate_limit(1000/s))]
async fn order_109() -> Answer {
    Ok(109)
}

#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(fallback(replica, may_fail))]
#[beside(1h)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[fallback(replica, may_fail)]
#[resilient(hedge(1h))]
#[cfg_attr(all(), retry(2))]
#[rustfmt::skip]
#[cfg_attr(all(), timeout(5s))]
#[cfg_attr(all(), bulkhead(20))]
async fn order_110() -> Answer {
    Ok(110)
}

#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), hedge(1h))]
#[timeout(5s)]
#[cfg_attr(all(), retry(2))]
#[::resilient::bulkhead(20)]
#[cfg(not(any()))]
#[resilient(rate_limit(1000/s))]
#[otherwise(replica, may_fail)]
#[::resilient::hedge(1h)]
async fn order_111() -> Answer {
    Ok(111)
}

#[::resilient::fallback(replica, may_fail)]
#[timeout(5s)]
#[resilient(hedge(1h))]
#[bulkhead(20)]
#[::resilient::hedge(1h)]
#[breaker(failure_threshold = 5)]
#[rate_limit(1000/s)]
#[::resilient::timeout(5s)]
#[pace(1000/s)]
#[allow(unused_variables)]
#[cfg_attr(all(), retry(2))]
async fn order_112() -> Answer {
    Ok(112)
}

#[cfg_attr(all(), hedge(1h))]
#[::resilient::timeout(5s)]
#[otherwise(replica, may_fail)]
#[::resilient::retry(2)]
#[resilient(rate_limit(1000/s), bulkhead(20), timeout(5s))]
#[circuit_breaker(failure_threshold = 5)]
async fn order_113() -> Answer {
    Ok(113)
}

#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::bulkhead(20)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(timeout(5s))]
#[inline]
#[fallback(replica, may_fail)]
#[hedge(1h)]
#[resilient(retry(2))]
#[fallback(replica, may_fail)]
#[::resilient::fallback(replica, may_fail)]
async fn order_114() -> Answer {
    Ok(114)
}

#[breaker(failure_threshold = 5)]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(fallback(replica, may_fail), hedge(1h))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg(not(any()))]
#[again(2)]
#[cfg_attr(all(), bulkhead(20))]
#[rate_limit(1000/s)]
#[::resilient::timeout(5s)]
async fn order_115() -> Answer {
    Ok(115)
}

#[bulkhead(20)]
#[resilient(rate_limit(1000/s))]
#[fallback(replica, may_fail)]
#[cfg_attr(all(), retry(2))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg(not(any()))]
#[::resilient::hedge(1h)]
#[resilient(timeout(5s))]
async fn order_116() -> Answer {
    Ok(116)
}

#[resilient(bulkhead(20), timeout(5s))]
#[::resilient::retry(2)]
#[circuit_breaker(failure_threshold = 5)]
#[bulkhead(20)]
#[otherwise(replica, may_fail)]
#[cfg(not(any()))]
#[resilient(timeout(5s))]
#[::resilient::rate_limit(1000/s)]
#[cfg_attr(all(), hedge(1h))]
#[::resilient::retry(2)]
async fn order_117() -> Answer {
    Ok(117)
}

#[timeout(5s)]
#[resilient(bulkhead(20))]
#[fallback(replica, may_fail)]
#[resilient(fallback(replica, may_fail))]
#[hedge(1h)]
#[breaker(failure_threshold = 5)]
#[resilient(retry(2))]
#[::resilient::rate_limit(1000/s)]
#[inline]
async fn order_118() -> Answer {
    Ok(118)
}

#[retry(2)]
#[timeout(5s)]
#[pace(1000/s)]
#[resilient(hedge(1h))]
#[fallback(replica, may_fail)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[inline]
#[resilient(bulkhead(20))]
async fn order_119() -> Answer {
    Ok(119)
}

#[circuit_breaker(failure_threshold = 5)]
#[beside(1h)]
#[rate_limit(1000/s)]
#[timeout(5s)]
#[rustfmt::skip]
#[resilient(bulkhead(20), fallback(replica, may_fail))]
#[cfg_attr(all(), retry(2))]
async fn order_120() -> Answer {
    Ok(120)
}

#[::resilient::bulkhead(20)]
#[rustfmt::skip]
#[circuit_breaker(failure_threshold = 5)]
#[circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[beside(1h)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), retry(2))]
#[rate_limit(1000/s)]
#[resilient(fallback(replica, may_fail))]
async fn order_121() -> Answer {
    Ok(121)
}

#[resilient(retry(2))]
#[rate_limit(1000/s)]
#[::resilient::timeout(5s)]
#[inline]
#[::resilient::hedge(1h)]
#[resilient(fallback(replica, may_fail))]
#[places(20)]
#[breaker(failure_threshold = 5)]
async fn order_122() -> Answer {
    Ok(122)
}

#[resilient(bulkhead(20), fallback(replica, may_fail))]
#[cfg_attr(all(), retry(2))]
#[rustfmt::skip]
#[::resilient::hedge(1h)]
#[resilient(timeout(5s))]
#[pace(1000/s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
async fn order_123() -> Answer {
    Ok(123)
}

#[cfg_attr(all(), hedge(1h))]
#[deadline(5s)]
#[allow(unused_variables)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(retry(2), circuit_breaker(failure_threshold = 5))]
#[::resilient::rate_limit(1000/s)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(bulkhead(20))]
#[cfg_attr(all(), timeout(5s))]
async fn order_124() -> Answer {
    Ok(124)
}

#[::resilient::bulkhead(20)]
#[resilient(bulkhead(20), retry(2))]
#[otherwise(replica, may_fail)]
#[resilient(rate_limit(1000/s), circuit_breaker(failure_threshold = 5), hedge(1h), bulkhead(20))]
#[allow(unused_variables)]
#[timeout(5s)]
async fn order_125() -> Answer {
    Ok(125)
}

#[resilient(fallback(replica, may_fail))]
#[::resilient::rate_limit(1000/s)]
#[resilient(circuit_breaker(failure_threshold = 5), retry(2))]
#[beside(1h)]
#[again(2)]
#[::resilient::fallback(replica, may_fail)]
#[deadline(5s)]
#[bulkhead(20)]
async fn order_126() -> Answer {
    Ok(126)
}

#[resilient(timeout(5s), hedge(1h))]
#[cfg_attr(all(), timeout(5s))]
#[retry(2)]
#[::resilient::rate_limit(1000/s)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[::resilient::bulkhead(20)]
#[inline]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[beside(1h)]
async fn order_127() -> Answer {
    Ok(127)
}

#[hedge(1h)]
#[cfg_attr(all(), bulkhead(20))]
#[breaker(failure_threshold = 5)]
#[resilient(timeout(5s))]
#[cfg(not(any()))]
#[fallback(replica, may_fail)]
#[resilient(rate_limit(1000/s))]
#[::resilient::retry(2)]
async fn order_128() -> Answer {
    Ok(128)
}

#[again(2)]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(timeout(5s), bulkhead(20))]
#[::resilient::hedge(1h)]
#[resilient(rate_limit(1000/s), bulkhead(20))]
#[cfg_attr(all(), timeout(5s))]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(fallback(replica, may_fail))]
#[cfg(not(any()))]
async fn order_129() -> Answer {
    Ok(129)
}

#[cfg_attr(all(), hedge(1h))]
#[cfg(not(any()))]
#[::resilient::bulkhead(20)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(fallback(replica, may_fail))]
#[again(2)]
#[breaker(failure_threshold = 5)]
#[::resilient::timeout(5s)]
#[rate_limit(1000/s)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(retry(2))]
async fn order_130() -> Answer {
    Ok(130)
}

#[rate_limit(1000/s)]
#[rustfmt::skip]
#[again(2)]
#[beside(1h)]
#[resilient(bulkhead(20), retry(2), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), bulkhead(20))]
#[deadline(5s)]
#[::resilient::fallback(replica, may_fail)]
async fn order_131() -> Answer {
    Ok(131)
}

#[deadline(5s)]
#[inline]
#[timeout(5s)]
#[rate_limit(1000/s)]
#[resilient(hedge(1h))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[::resilient::bulkhead(20)]
#[resilient(fallback(replica, may_fail), retry(2))]
async fn order_132() -> Answer {
    Ok(132)
}

#[resilient(rate_limit(1000/s))]
#[beside(1h)]
#[breaker(failure_threshold = 5)]
#[places(20)]
#[resilient(timeout(5s), retry(2))]
#[::resilient::fallback(replica, may_fail)]
async fn order_133() -> Answer {
    Ok(133)
}

#[cfg_attr(all(), fallback(replica, may_fail))]
#[retry(2)]
#[deadline(5s)]
#[::resilient::bulkhead(20)]
#[beside(1h)]
#[resilient(rate_limit(1000/s))]
#[rustfmt::skip]
#[breaker(failure_threshold = 5)]
async fn order_134() -> Answer {
    Ok(134)
}

#[bulkhead(20)]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), retry(2))]
#[resilient(hedge(1h))]
#[::resilient::rate_limit(1000/s)]
#[cfg_attr(all(), timeout(5s))]
#[circuit_breaker(failure_threshold = 5)]
#[rustfmt::skip]
#[beside(1h)]
#[resilient(bulkhead(20))]
async fn order_135() -> Answer {
    Ok(135)
}

#[bulkhead(20)]
#[resilient(hedge(1h))]
#[allow(unused_variables)]
#[timeout(5s)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[otherwise(replica, may_fail)]
#[resilient(retry(2), rate_limit(1000/s))]
async fn order_136() -> Answer {
    Ok(136)
}

#[::resilient::timeout(5s)]
#[cfg_attr(all(), bulkhead(20))]
#[rustfmt::skip]
#[::resilient::hedge(1h)]
#[breaker(failure_threshold = 5)]
#[resilient(circuit_breaker(failure_threshold = 5), fallback(replica, may_fail), fallback(replica, may_fail), hedge(1h), rate_limit(1000/s), retry(2))]
async fn order_137() -> Answer {
    Ok(137)
}

#[resilient(bulkhead(20))]
#[retry(2)]
#[resilient(rate_limit(1000/s))]
#[::resilient::retry(2)]
#[beside(1h)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[timeout(5s)]
#[inline]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(bulkhead(20))]
async fn order_138() -> Answer {
    Ok(138)
}

#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::timeout(5s)]
#[breaker(failure_threshold = 5)]
#[::resilient::bulkhead(20)]
#[inline]
#[resilient(retry(2), rate_limit(1000/s), fallback(replica, may_fail))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[hedge(1h)]
async fn order_139() -> Answer {
    Ok(139)
}

#[hedge(1h)]
#[inline]
#[::resilient::retry(2)]
#[resilient(bulkhead(20))]
#[breaker(failure_threshold = 5)]
#[resilient(fallback(replica, may_fail), rate_limit(1000/s))]
#[::resilient::timeout(5s)]
async fn order_140() -> Answer {
    Ok(140)
}

#[deadline(5s)]
#[rate_limit(1000/s)]
#[breaker(failure_threshold = 5)]
#[pace(1000/s)]
#[retry(2)]
#[resilient(bulkhead(20))]
#[::resilient::hedge(1h)]
#[cfg(not(any()))]
#[again(2)]
#[::resilient::fallback(replica, may_fail)]
async fn order_141() -> Answer {
    Ok(141)
}

#[places(20)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(hedge(1h))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[::resilient::retry(2)]
#[cfg_attr(all(), hedge(1h))]
#[resilient(timeout(5s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg(not(any()))]
async fn order_142() -> Answer {
    Ok(142)
}

#[resilient(rate_limit(1000/s), hedge(1h))]
#[places(20)]
#[resilient(retry(2))]
#[inline]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[timeout(5s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
async fn order_143() -> Answer {
    Ok(143)
}

#[cfg_attr(all(), hedge(1h))]
#[inline]
#[resilient(bulkhead(20))]
#[::resilient::retry(2)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(timeout(5s))]
#[::resilient::rate_limit(1000/s)]
#[circuit_breaker(failure_threshold = 5)]
#[::resilient::retry(2)]
async fn order_144() -> Answer {
    Ok(144)
}

#[resilient(fallback(replica, may_fail), timeout(5s))]
#[timeout(5s)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[::resilient::retry(2)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[cfg(not(any()))]
#[resilient(fallback(replica, may_fail))]
#[places(20)]
#[hedge(1h)]
async fn order_145() -> Answer {
    Ok(145)
}

#[resilient(retry(2))]
#[timeout(5s)]
#[pace(1000/s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[places(20)]
#[beside(1h)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::fallback(replica, may_fail)]
#[rustfmt::skip]
#[resilient(retry(2))]
async fn order_146() -> Answer {
    Ok(146)
}

#[resilient(fallback(replica, may_fail), timeout(5s))]
#[cfg_attr(all(), retry(2))]
#[resilient(bulkhead(20))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[rate_limit(1000/s)]
#[cfg(not(any()))]
#[beside(1h)]
async fn order_147() -> Answer {
    Ok(147)
}

#[resilient(circuit_breaker(failure_threshold = 5))]
#[bulkhead(20)]
#[again(2)]
#[pace(1000/s)]
#[deadline(5s)]
#[::resilient::fallback(replica, may_fail)]
#[cfg(not(any()))]
#[hedge(1h)]
async fn order_148() -> Answer {
    Ok(148)
}

#[deadline(5s)]
#[::resilient::hedge(1h)]
#[resilient(bulkhead(20), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[pace(1000/s)]
#[allow(unused_variables)]
#[retry(2)]
async fn order_149() -> Answer {
    Ok(149)
}

#[cfg_attr(all(), fallback(replica, may_fail))]
#[::resilient::rate_limit(1000/s)]
#[resilient(bulkhead(20))]
#[beside(1h)]
#[::resilient::retry(2)]
#[allow(unused_variables)]
#[timeout(5s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
async fn order_150() -> Answer {
    Ok(150)
}

#[breaker(failure_threshold = 5)]
#[rustfmt::skip]
#[::resilient::bulkhead(20)]
#[resilient(hedge(1h))]
#[deadline(5s)]
#[pace(1000/s)]
#[resilient(retry(2))]
#[otherwise(replica, may_fail)]
async fn order_151() -> Answer {
    Ok(151)
}

#[retry(2)]
#[deadline(5s)]
#[resilient(hedge(1h))]
#[::resilient::retry(2)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(bulkhead(20))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[circuit_breaker(failure_threshold = 5)]
#[inline]
async fn order_152() -> Answer {
    Ok(152)
}

#[resilient(retry(2))]
#[circuit_breaker(failure_threshold = 5)]
#[cfg(not(any()))]
#[cfg_attr(all(), timeout(5s))]
#[::resilient::hedge(1h)]
#[::resilient::bulkhead(20)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(bulkhead(20))]
#[cfg_attr(all(), rate_limit(1000/s))]
async fn order_153() -> Answer {
    Ok(153)
}

#[otherwise(replica, may_fail)]
#[resilient(hedge(1h), timeout(5s))]
#[again(2)]
#[resilient(fallback(replica, may_fail), circuit_breaker(failure_threshold = 5))]
#[places(20)]
#[rustfmt::skip]
#[pace(1000/s)]
async fn order_154() -> Answer {
    Ok(154)
}

#[beside(1h)]
#[resilient(bulkhead(20))]
#[::resilient::fallback(replica, may_fail)]
#[rustfmt::skip]
#[resilient(timeout(5s), retry(2))]
#[rate_limit(1000/s)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
async fn order_155() -> Answer {
    Ok(155)
}

#[cfg_attr(all(), retry(2))]
#[hedge(1h)]
#[pace(1000/s)]
#[cfg_attr(all(), bulkhead(20))]
#[::resilient::timeout(5s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[fallback(replica, may_fail)]
async fn order_156() -> Answer {
    Ok(156)
}

#[::resilient::retry(2)]
#[resilient(hedge(1h), circuit_breaker(failure_threshold = 5), bulkhead(20))]
#[fallback(replica, may_fail)]
#[deadline(5s)]
#[rate_limit(1000/s)]
#[allow(unused_variables)]
async fn order_157() -> Answer {
    Ok(157)
}

#[fallback(replica, may_fail)]
#[::resilient::rate_limit(1000/s)]
#[resilient(bulkhead(20))]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(hedge(1h))]
#[deadline(5s)]
#[pace(1000/s)]
#[places(20)]
#[inline]
#[resilient(retry(2))]
async fn order_158() -> Answer {
    Ok(158)
}

#[fallback(replica, may_fail)]
#[otherwise(replica, may_fail)]
#[resilient(hedge(1h))]
#[bulkhead(20)]
#[otherwise(replica, may_fail)]
#[rate_limit(1000/s)]
#[resilient(retry(2))]
#[allow(unused_variables)]
#[timeout(5s)]
#[circuit_breaker(failure_threshold = 5)]
async fn order_159() -> Answer {
    Ok(159)
}

#[cfg_attr(all(), timeout(5s))]
#[::resilient::fallback(replica, may_fail)]
#[resilient(rate_limit(1000/s), retry(2))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), hedge(1h))]
#[resilient(bulkhead(20))]
#[inline]
async fn order_160() -> Answer {
    Ok(160)
}

#[rate_limit(1000/s)]
#[resilient(retry(2))]
#[bulkhead(20)]
#[rate_limit(1000/s)]
#[places(20)]
#[places(20)]
#[cfg_attr(all(), timeout(5s))]
#[circuit_breaker(failure_threshold = 5)]
#[rustfmt::skip]
#[cfg_attr(all(), hedge(1h))]
#[otherwise(replica, may_fail)]
async fn order_161() -> Answer {
    Ok(161)
}

#[resilient(hedge(1h))]
#[places(20)]
#[allow(unused_variables)]
#[::resilient::rate_limit(1000/s)]
#[circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(timeout(5s))]
#[cfg_attr(all(), retry(2))]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[pace(1000/s)]
#[resilient(fallback(replica, may_fail))]
async fn order_162() -> Answer {
    Ok(162)
}

#[::resilient::bulkhead(20)]
#[resilient(retry(2))]
#[timeout(5s)]
#[hedge(1h)]
#[rustfmt::skip]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(rate_limit(1000/s))]
#[bulkhead(20)]
#[::resilient::fallback(replica, may_fail)]
async fn order_163() -> Answer {
    Ok(163)
}

#[fallback(replica, may_fail)]
#[rustfmt::skip]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(retry(2))]
#[circuit_breaker(failure_threshold = 5)]
#[hedge(1h)]
#[resilient(timeout(5s))]
#[rate_limit(1000/s)]
async fn order_164() -> Answer {
    Ok(164)
}

#[cfg_attr(all(), fallback(replica, may_fail))]
#[::resilient::timeout(5s)]
#[places(20)]
#[cfg_attr(all(), retry(2))]
#[resilient(fallback(replica, may_fail), circuit_breaker(failure_threshold = 5), hedge(1h))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[inline]
#[cfg_attr(all(), retry(2))]
async fn order_165() -> Answer {
    Ok(165)
}

#[cfg_attr(all(), bulkhead(20))]
#[breaker(failure_threshold = 5)]
#[resilient(hedge(1h))]
#[::resilient::timeout(5s)]
#[fallback(replica, may_fail)]
#[again(2)]
#[resilient(rate_limit(1000/s))]
async fn order_166() -> Answer {
    Ok(166)
}

#[resilient(retry(2), circuit_breaker(failure_threshold = 5), hedge(1h))]
#[timeout(5s)]
#[resilient(rate_limit(1000/s))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[rustfmt::skip]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(bulkhead(20), circuit_breaker(failure_threshold = 5))]
async fn order_167() -> Answer {
    Ok(167)
}

#[bulkhead(20)]
#[allow(unused_variables)]
#[resilient(hedge(1h))]
#[::resilient::timeout(5s)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(retry(2), bulkhead(20))]
#[::resilient::bulkhead(20)]
#[::resilient::fallback(replica, may_fail)]
#[pace(1000/s)]
async fn order_168() -> Answer {
    Ok(168)
}

#[fallback(replica, may_fail)]
#[::resilient::fallback(replica, may_fail)]
#[resilient(hedge(1h), circuit_breaker(failure_threshold = 5), bulkhead(20), rate_limit(1000/s), timeout(5s))]
#[again(2)]
#[fallback(replica, may_fail)]
async fn order_169() -> Answer {
    Ok(169)
}

#[places(20)]
#[::resilient::retry(2)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(hedge(1h), circuit_breaker(failure_threshold = 5), fallback(replica, may_fail))]
#[pace(1000/s)]
#[resilient(timeout(5s))]
async fn order_170() -> Answer {
    Ok(170)
}

#[::resilient::bulkhead(20)]
#[resilient(timeout(5s))]
#[circuit_breaker(failure_threshold = 5)]
#[pace(1000/s)]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), retry(2))]
#[hedge(1h)]
async fn order_171() -> Answer {
    Ok(171)
}

#[breaker(failure_threshold = 5)]
#[pace(1000/s)]
#[timeout(5s)]
#[cfg_attr(all(), hedge(1h))]
#[::resilient::bulkhead(20)]
#[retry(2)]
#[cfg_attr(all(), hedge(1h))]
#[allow(unused_variables)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[fallback(replica, may_fail)]
#[resilient(hedge(1h))]
async fn order_172() -> Answer {
    Ok(172)
}

#[pace(1000/s)]
#[retry(2)]
#[resilient(timeout(5s))]
#[cfg_attr(all(), hedge(1h))]
#[::resilient::bulkhead(20)]
#[resilient(fallback(replica, may_fail))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
async fn order_173() -> Answer {
    Ok(173)
}

#[cfg_attr(all(), rate_limit(1000/s))]
#[cfg(not(any()))]
#[::resilient::rate_limit(1000/s)]
#[resilient(hedge(1h))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[breaker(failure_threshold = 5)]
#[retry(2)]
#[bulkhead(20)]
#[::resilient::timeout(5s)]
async fn order_174() -> Answer {
    Ok(174)
}

#[::resilient::bulkhead(20)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(retry(2))]
#[otherwise(replica, may_fail)]
#[cfg(not(any()))]
#[resilient(bulkhead(20))]
#[beside(1h)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[timeout(5s)]
async fn order_175() -> Answer {
    Ok(175)
}

#[resilient(circuit_breaker(failure_threshold = 5))]
#[places(20)]
#[inline]
#[cfg_attr(all(), bulkhead(20))]
#[::resilient::hedge(1h)]
#[rate_limit(1000/s)]
#[deadline(5s)]
#[cfg_attr(all(), retry(2))]
#[otherwise(replica, may_fail)]
#[otherwise(replica, may_fail)]
#[resilient(timeout(5s))]
async fn order_176() -> Answer {
    Ok(176)
}

#[::resilient::fallback(replica, may_fail)]
#[bulkhead(20)]
#[resilient(timeout(5s), hedge(1h))]
#[inline]
#[timeout(5s)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[retry(2)]
#[otherwise(replica, may_fail)]
#[resilient(rate_limit(1000/s))]
async fn order_177() -> Answer {
    Ok(177)
}

#[resilient(retry(2), fallback(replica, may_fail))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[beside(1h)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), timeout(5s))]
#[resilient(bulkhead(20))]
async fn order_178() -> Answer {
    Ok(178)
}

#[cfg_attr(all(), retry(2))]
#[cfg(not(any()))]
#[cfg_attr(all(), hedge(1h))]
#[bulkhead(20)]
#[deadline(5s)]
#[hedge(1h)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[resilient(circuit_breaker(failure_threshold = 5), rate_limit(1000/s))]
async fn order_179() -> Answer {
    Ok(179)
}

#[pace(1000/s)]
#[cfg_attr(all(), bulkhead(20))]
#[deadline(5s)]
#[hedge(1h)]
#[otherwise(replica, may_fail)]
#[retry(2)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg(not(any()))]
#[otherwise(replica, may_fail)]
#[::resilient::hedge(1h)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
async fn order_180() -> Answer {
    Ok(180)
}

#[retry(2)]
#[resilient(timeout(5s))]
#[rustfmt::skip]
#[places(20)]
#[resilient(hedge(1h))]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(retry(2))]
#[fallback(replica, may_fail)]
#[resilient(rate_limit(1000/s))]
#[cfg_attr(all(), rate_limit(1000/s))]
async fn order_181() -> Answer {
    Ok(181)
}

#[pace(1000/s)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[otherwise(replica, may_fail)]
#[cfg_attr(all(), hedge(1h))]
#[cfg(not(any()))]
#[cfg_attr(all(), timeout(5s))]
#[resilient(timeout(5s))]
#[::resilient::retry(2)]
#[resilient(bulkhead(20))]
async fn order_182() -> Answer {
    Ok(182)
}

#[hedge(1h)]
#[otherwise(replica, may_fail)]
#[resilient(timeout(5s))]
#[rate_limit(1000/s)]
#[breaker(failure_threshold = 5)]
#[places(20)]
#[resilient(retry(2))]
async fn order_183() -> Answer {
    Ok(183)
}

#[again(2)]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(retry(2))]
#[::resilient::bulkhead(20)]
#[cfg(not(any()))]
#[resilient(circuit_breaker(failure_threshold = 5), timeout(5s))]
#[::resilient::rate_limit(1000/s)]
#[hedge(1h)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(fallback(replica, may_fail))]
async fn order_184() -> Answer {
    Ok(184)
}

#[resilient(rate_limit(1000/s))]
#[::resilient::hedge(1h)]
#[::resilient::timeout(5s)]
#[resilient(bulkhead(20))]
#[pace(1000/s)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[cfg(not(any()))]
#[otherwise(replica, may_fail)]
#[retry(2)]
#[bulkhead(20)]
#[resilient(fallback(replica, may_fail))]
async fn order_185() -> Answer {
    Ok(185)
}

#[fallback(replica, may_fail)]
#[deadline(5s)]
#[resilient(rate_limit(1000/s), retry(2))]
#[::resilient::bulkhead(20)]
#[breaker(failure_threshold = 5)]
#[rustfmt::skip]
#[hedge(1h)]
async fn order_186() -> Answer {
    Ok(186)
}

#[cfg_attr(all(), retry(2))]
#[cfg_attr(all(), hedge(1h))]
#[resilient(bulkhead(20))]
#[allow(unused_variables)]
#[retry(2)]
#[::resilient::fallback(replica, may_fail)]
#[timeout(5s)]
#[cfg_attr(all(), hedge(1h))]
#[resilient(timeout(5s))]
#[cfg_attr(all(), rate_limit(1000/s))]
#[resilient(circuit_breaker(failure_threshold = 5))]
async fn order_187() -> Answer {
    Ok(187)
}

#[cfg_attr(all(), retry(2))]
#[rustfmt::skip]
#[resilient(rate_limit(1000/s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[cfg_attr(all(), timeout(5s))]
#[resilient(fallback(replica, may_fail), hedge(1h))]
#[fallback(replica, may_fail)]
#[beside(1h)]
#[::resilient::circuit_breaker(failure_threshold = 5)]
#[places(20)]
async fn order_188() -> Answer {
    Ok(188)
}

#[hedge(1h)]
#[again(2)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[::resilient::hedge(1h)]
#[resilient(fallback(replica, may_fail))]
#[bulkhead(20)]
#[cfg(not(any()))]
#[resilient(timeout(5s))]
#[::resilient::circuit_breaker(failure_threshold = 5)]
async fn order_189() -> Answer {
    Ok(189)
}

#[resilient(timeout(5s), fallback(replica, may_fail))]
#[again(2)]
#[rustfmt::skip]
#[breaker(failure_threshold = 5)]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[pace(1000/s)]
#[beside(1h)]
#[::resilient::timeout(5s)]
#[::resilient::bulkhead(20)]
async fn order_190() -> Answer {
    Ok(190)
}

#[resilient(retry(2))]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(fallback(replica, may_fail), fallback(replica, may_fail))]
#[timeout(5s)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[rustfmt::skip]
#[beside(1h)]
#[resilient(rate_limit(1000/s))]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(bulkhead(20))]
async fn order_191() -> Answer {
    Ok(191)
}

#[resilient(bulkhead(20))]
#[cfg_attr(all(), hedge(1h))]
#[cfg_attr(all(), retry(2))]
#[pace(1000/s)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[resilient(fallback(replica, may_fail), bulkhead(20))]
#[deadline(5s)]
async fn order_192() -> Answer {
    Ok(192)
}

#[resilient(timeout(5s), fallback(replica, may_fail))]
#[cfg_attr(all(), hedge(1h))]
#[resilient(retry(2))]
#[::resilient::bulkhead(20)]
#[resilient(retry(2), rate_limit(1000/s), circuit_breaker(failure_threshold = 5))]
async fn order_193() -> Answer {
    Ok(193)
}

#[::resilient::bulkhead(20)]
#[hedge(1h)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[pace(1000/s)]
#[::resilient::retry(2)]
#[resilient(fallback(replica, may_fail))]
#[pace(1000/s)]
#[cfg_attr(all(), timeout(5s))]
#[rustfmt::skip]
async fn order_194() -> Answer {
    Ok(194)
}

#[cfg_attr(all(), hedge(1h))]
#[resilient(circuit_breaker(failure_threshold = 5), timeout(5s))]
#[::resilient::fallback(replica, may_fail)]
#[::resilient::retry(2)]
#[bulkhead(20)]
#[cfg_attr(all(), rate_limit(1000/s))]
#[cfg_attr(all(), fallback(replica, may_fail))]
#[allow(unused_variables)]
async fn order_195() -> Answer {
    Ok(195)
}

#[retry(2)]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(circuit_breaker(failure_threshold = 5))]
#[::resilient::bulkhead(20)]
#[cfg(not(any()))]
#[::resilient::timeout(5s)]
#[otherwise(replica, may_fail)]
#[again(2)]
#[circuit_breaker(failure_threshold = 5)]
#[resilient(rate_limit(1000/s))]
#[hedge(1h)]
async fn order_196() -> Answer {
    Ok(196)
}

#[hedge(1h)]
#[cfg_attr(all(), bulkhead(20))]
#[::resilient::fallback(replica, may_fail)]
#[places(20)]
#[::resilient::bulkhead(20)]
#[retry(2)]
#[resilient(circuit_breaker(failure_threshold = 5), hedge(1h))]
#[timeout(5s)]
#[pace(1000/s)]
#[allow(unused_variables)]
async fn order_197() -> Answer {
    Ok(197)
}

#[resilient(bulkhead(20))]
#[circuit_breaker(failure_threshold = 5)]
#[timeout(5s)]
#[::resilient::hedge(1h)]
#[rustfmt::skip]
#[::resilient::fallback(replica, may_fail)]
#[cfg_attr(all(), retry(2))]
#[bulkhead(20)]
#[timeout(5s)]
#[resilient(rate_limit(1000/s))]
async fn order_198() -> Answer {
    Ok(198)
}

#[rate_limit(1000/s)]
#[deadline(5s)]
#[hedge(1h)]
#[cfg_attr(all(), circuit_breaker(failure_threshold = 5))]
#[pace(1000/s)]
#[cfg(not(any()))]
#[resilient(timeout(5s))]
#[fallback(replica, may_fail)]
#[::resilient::hedge(1h)]
#[cfg_attr(all(), bulkhead(20))]
#[resilient(retry(2))]
async fn order_199() -> Answer {
    Ok(199)
}

/// Calls them all.
pub(crate) async fn all() -> Vec<Answer> {
    vec![
        order_0().await,
        order_1().await,
        order_2().await,
        order_3().await,
        order_4().await,
        order_5().await,
        order_6().await,
        order_7().await,
        order_8().await,
        order_9().await,
        order_10().await,
        order_11().await,
        order_12().await,
        order_13().await,
        order_14().await,
        order_15().await,
        order_16().await,
        order_17().await,
        order_18().await,
        order_19().await,
        order_20().await,
        order_21().await,
        order_22().await,
        order_23().await,
        order_24().await,
        order_25().await,
        order_26().await,
        order_27().await,
        order_28().await,
        order_29().await,
        order_30().await,
        order_31().await,
        order_32().await,
        order_33().await,
        order_34().await,
        order_35().await,
        order_36().await,
        order_37().await,
        order_38().await,
        order_39().await,
        order_40().await,
        order_41().await,
        order_42().await,
        order_43().await,
        order_44().await,
        order_45().await,
        order_46().await,
        order_47().await,
        order_48().await,
        order_49().await,
        order_50().await,
        order_51().await,
        order_52().await,
        order_53().await,
        order_54().await,
        order_55().await,
        order_56().await,
        order_57().await,
        order_58().await,
        order_59().await,
        order_60().await,
        order_61().await,
        order_62().await,
        order_63().await,
        order_64().await,
        order_65().await,
        order_66().await,
        order_67().await,
        order_68().await,
        order_69().await,
        order_70().await,
        order_71().await,
        order_72().await,
        order_73().await,
        order_74().await,
        order_75().await,
        order_76().await,
        order_77().await,
        order_78().await,
        order_79().await,
        order_80().await,
        order_81().await,
        order_82().await,
        order_83().await,
        order_84().await,
        order_85().await,
        order_86().await,
        order_87().await,
        order_88().await,
        order_89().await,
        order_90().await,
        order_91().await,
        order_92().await,
        order_93().await,
        order_94().await,
        order_95().await,
        order_96().await,
        order_97().await,
        order_98().await,
        order_99().await,
        order_100().await,
        order_101().await,
        order_102().await,
        order_103().await,
        order_104().await,
        order_105().await,
        order_106().await,
        order_107().await,
        order_108().await,
        order_109().await,
        order_110().await,
        order_111().await,
        order_112().await,
        order_113().await,
        order_114().await,
        order_115().await,
        order_116().await,
        order_117().await,
        order_118().await,
        order_119().await,
        order_120().await,
        order_121().await,
        order_122().await,
        order_123().await,
        order_124().await,
        order_125().await,
        order_126().await,
        order_127().await,
        order_128().await,
        order_129().await,
        order_130().await,
        order_131().await,
        order_132().await,
        order_133().await,
        order_134().await,
        order_135().await,
        order_136().await,
        order_137().await,
        order_138().await,
        order_139().await,
        order_140().await,
        order_141().await,
        order_142().await,
        order_143().await,
        order_144().await,
        order_145().await,
        order_146().await,
        order_147().await,
        order_148().await,
        order_149().await,
        order_150().await,
        order_151().await,
        order_152().await,
        order_153().await,
        order_154().await,
        order_155().await,
        order_156().await,
        order_157().await,
        order_158().await,
        order_159().await,
        order_160().await,
        order_161().await,
        order_162().await,
        order_163().await,
        order_164().await,
        order_165().await,
        order_166().await,
        order_167().await,
        order_168().await,
        order_169().await,
        order_170().await,
        order_171().await,
        order_172().await,
        order_173().await,
        order_174().await,
        order_175().await,
        order_176().await,
        order_177().await,
        order_178().await,
        order_179().await,
        order_180().await,
        order_181().await,
        order_182().await,
        order_183().await,
        order_184().await,
        order_185().await,
        order_186().await,
        order_187().await,
        order_188().await,
        order_189().await,
        order_190().await,
        order_191().await,
        order_192().await,
        order_193().await,
        order_194().await,
        order_195().await,
        order_196().await,
        order_197().await,
        order_198().await,
        order_199().await,
    ]
}
