#[derive(Debug, thiserror::Error, Classify)]
enum PriceError {
    #[class(transient, attempts = 5, backoff = exponential(100ms..5s), jitter = full)]
    Silent,
    #[class(throttled, retry_after = wait)]
    Busy { wait: Option<Duration> },
    #[class(throttled, retry_after = Self::quota, attempts = 10)]
    Quota(u64),
    #[class(permanent)]
    Unknown(Sku),
    #[class(permanent)]
    Forbidden,
    #[class(forward)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Rejected(#[from] Rejected),
    Other,
}

// becomes

const _: () = {
    use ::resilient::__private as __resilient;
    #[automatically_derived]
    #[allow(deprecated)]
    impl __resilient::Classify for PriceError {
        fn class(&self) -> __resilient::Class {
            match self {
                Self::Silent { .. } | Self::Other { .. } => __resilient::Class::Transient,
                Self::Busy { wait: __resilient_field, .. } => {
                    __resilient::Class::Throttled {
                        retry_after: __resilient::RetryAfter::retry_after(
                            __resilient_field,
                        ),
                    }
                }
                Self::Quota { .. } => {
                    __resilient::Class::Throttled {
                        retry_after: __resilient::retry_after(self, Self::quota),
                    }
                }
                Self::Unknown { .. } | Self::Forbidden { .. } => {
                    __resilient::Class::Permanent
                }
                Self::Io { 0: __resilient_field, .. } => {
                    __resilient::Classify::class(__resilient_field)
                }
                Self::Rejected { .. } => __resilient::class_of_refusal(self),
            }
        }
        fn retry(&self) -> __resilient::core::option::Option<__resilient::RetryHint> {
            match self {
                Self::Silent { .. } => {
                    const HINT: __resilient::RetryHint = __resilient::hint(
                        __resilient::RetryPolicy::checked(
                            __resilient::RetryPolicy::jitter(
                                __resilient::RetryPolicy::checked(
                                    __resilient::RetryPolicy::backoff(
                                        __resilient::RetryPolicy::checked(
                                            __resilient::RetryPolicy::attempts(
                                                __resilient::RetryPolicy::new(),
                                                5,
                                            ),
                                        ),
                                        __resilient::Backoff::exponential(
                                            __resilient::Duration::from_millis(100),
                                            __resilient::Duration::from_secs(5),
                                        ),
                                    ),
                                ),
                                __resilient::Jitter::full(),
                            ),
                        ),
                    );
                    __resilient::Some(HINT)
                }
                Self::Quota { .. } => {
                    const HINT: __resilient::RetryHint = __resilient::hint(
                        __resilient::RetryPolicy::checked(
                            __resilient::RetryPolicy::attempts(
                                __resilient::RetryPolicy::new(),
                                10,
                            ),
                        ),
                    );
                    __resilient::Some(HINT)
                }
                Self::Io { 0: __resilient_field, .. } => {
                    __resilient::Classify::retry(__resilient_field)
                }
                _ => __resilient::None,
            }
        }
        fn rejected(&self) -> __resilient::core::option::Option<&__resilient::Rejected> {
            match self {
                Self::Io { 0: __resilient_field, .. } => {
                    __resilient::Classify::rejected(__resilient_field)
                }
                Self::Rejected { 0: __resilient_field, .. } => {
                    __resilient::Some(__resilient_field)
                }
                _ => __resilient::None,
            }
        }
    }
};
