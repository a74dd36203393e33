//! The table of a policy's settings, from which its data is built.

use crate::given::{FromGiven, Given};
use crate::setting::SettingError;

/// Builds the data of one policy from the table of its settings: the one place where a setting's
/// documentation, type, default and range are written.
///
/// A line is `key: Type = default, check, "what is allowed";`. The default is left out where
/// there is none, `=> function` computes it from the settings that were written, `=>? function`
/// does so where there may be none, and any number of checks may follow.
///
/// Settings that contradict each other are found in two ways. Pairs of which only one makes sense
/// stand behind the kind, as `, one or other: "what to write instead"`: both in one policy are
/// refused, and a policy laid over another hides the other one of a pair there. What is not so
/// simple is found by a `=> const fn(&Policy) -> Option<InvalidSetting>` behind the kind.
///
/// From the table come
///
/// - the policy, in which every setting is an `Option`: what was written, and nothing else;
/// - a `const` method for each setting, which keeps the policy as it was and remembers the first
///   mistake if the value is out of range: an attribute turns it into a compile error, `register`
///   into an `Err`;
/// - the settings as the live policy uses them, with defaults filled in.
macro_rules! policy {
    (
        $(#[$meta:meta])*
        $policy:ident, $settings:ident, $live:ty, $kind:literal $(=> $contradiction:ident)?
        $(, $one:ident or $other:ident : $instead:literal)*;
        $(
            $(#[$doc:meta])*
            $key:ident : $type:ty $(= $default:expr)? $(=> $derived:expr)? $(=>? $maybe:expr)?
            $(, $check:expr, $allowed:literal)*;
        )*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        #[must_use = "a policy is data: write it in an attribute or register it"]
        pub struct $policy {
            $( pub(crate) $key: Option<$type>, )*
            pub(crate) enabled: Option<bool>,
            pub(crate) invalid: Option<$crate::setting::InvalidSetting>,
        }

        impl $policy {
            /// A policy in which nothing is written yet: every setting has its default.
            pub const fn new() -> Self {
                Self { $( $key: None, )* enabled: None, invalid: None }
            }

            $(
                $(#[$doc])*
                pub const fn $key(mut self, $key: $type) -> Self {
                    $( if !($check) {
                        return self.refuse($crate::setting::InvalidSetting::new(stringify!($key), $allowed));
                    } )*
                    self.$key = Some($key);
                    self.one_of_each_pair(stringify!($key))
                }
            )*

            #[allow(dead_code, unused_variables, reason = "not every policy has such settings")]
            const fn one_of_each_pair(self, newest: &'static str) -> Self {
                $( if self.$one.is_some() && self.$other.is_some() {
                    return self.refuse($crate::setting::InvalidSetting::new(newest, $instead));
                } )*
                self
            }

            /// Whether the policy does anything (default `true`). Switched off it lets every call
            /// through, at the cost of one load.
            pub const fn enabled(mut self, enabled: bool) -> Self {
                self.enabled = Some(enabled);
                self
            }

            /// The first setting that was refused, or that contradicts another one, if there is any.
            pub const fn invalid(&self) -> Option<$crate::setting::InvalidSetting> {
                $( if self.invalid.is_none() {
                    return $contradiction(self);
                } )?
                self.invalid
            }

            /// The policy itself.
            ///
            /// # Panics
            ///
            /// If a setting was refused, or contradicts another one. In a constant this is a compile
            /// error.
            #[track_caller]
            pub const fn checked(self) -> Self {
                if let Some(invalid) = self.invalid() {
                    panic!("{}", invalid.allowed());
                }
                self
            }

            #[allow(dead_code, reason = "there are policies none of whose settings has a range")]
            const fn refuse(mut self, invalid: $crate::setting::InvalidSetting) -> Self {
                if self.invalid.is_none() {
                    self.invalid = Some(invalid);
                }
                self
            }
        }

        #[doc = concat!("The settings of [`", stringify!($policy), "`] with defaults filled in.")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) struct $settings {
            $( pub(crate) $key: policy!(@type $type $(= $default)? $(=> $derived)? $(=>? $maybe)?), )*
            pub(crate) enabled: bool,
        }

        impl $settings {
            pub(crate) fn of(written: &$policy) -> Self {
                Self {
                    $( $key: policy!(@value written $key $(= $default)? $(=> $derived)? $(=>? $maybe)?), )*
                    enabled: written.enabled.unwrap_or(true),
                }
            }
        }

        impl $crate::policy::Policy for $policy {
            type Live = $live;

            const KIND: $crate::setting::Kind = $crate::setting::Kind::new($kind);
            const KEYS: &'static [&'static str] = &[$( stringify!($key), )* "enabled"];

            #[allow(unused_mut, reason = "not every policy has settings that exclude each other")]
            fn over(self, mut below: Self) -> Self {
                $(
                    if self.$one.is_some() {
                        below.$other = None;
                    }
                    if self.$other.is_some() {
                        below.$one = None;
                    }
                )*
                Self {
                    $( $key: self.$key.or(below.$key), )*
                    enabled: self.enabled.or(below.enabled),
                    invalid: self.invalid.or(below.invalid),
                }
            }

            fn written(&self, key: &str) -> Option<$crate::setting::Value> {
                match key {
                    $( stringify!($key) => self.$key.map(Into::into), )*
                    "enabled" => self.enabled.map(Into::into),
                    _ => None,
                }
            }

            fn effective(&self, key: &str) -> Option<$crate::setting::Value> {
                let settings = $settings::of(self);
                match key {
                    $( stringify!($key) => policy!(@effective settings $key $(= $default)? $(=> $derived)? $(=>? $maybe)?), )*
                    "enabled" => Some(settings.enabled.into()),
                    _ => None,
                }
            }

            fn with(
                self,
                key: &str,
                given: &$crate::given::Given,
            ) -> Result<Self, $crate::setting::SettingError> {
                let changed = match key {
                    $( stringify!($key) => self.$key($crate::table::read(stringify!($key), given)?), )*
                    "enabled" => self.enabled($crate::table::read("enabled", given)?),
                    _ => {
                        return Err($crate::setting::SettingError::Unknown {
                            key: key.to_owned(),
                            known: Self::KEYS,
                        });
                    }
                };
                match changed.invalid {
                    Some(invalid) => Err(invalid.into()),
                    None => Ok(changed),
                }
            }

            fn without(mut self, key: &str) -> Self {
                match key {
                    $( stringify!($key) => self.$key = None, )*
                    "enabled" => self.enabled = None,
                    _ => {}
                }
                self
            }

            fn description(key: &str) -> Option<$crate::setting::SettingDescription> {
                let (expected, types, allowed): (_, _, &'static [&'static str]) = match key {
                    $( stringify!($key) => (
                        <$type as $crate::given::FromGiven>::EXPECTED,
                        <$type as $crate::given::FromGiven>::TYPES,
                        &[$($allowed),*],
                    ), )*
                    "enabled" => (
                        <bool as $crate::given::FromGiven>::EXPECTED,
                        <bool as $crate::given::FromGiven>::TYPES,
                        &[],
                    ),
                    _ => return None,
                };
                Some($crate::setting::SettingDescription {
                    expected,
                    allowed,
                    types,
                    default: Self::new().effective(key),
                })
            }

            fn switched_off() -> Self {
                Self::new().enabled(false)
            }

            fn invalid(&self) -> Option<$crate::setting::InvalidSetting> {
                self.invalid()
            }
        }
    };
    (@type $type:ty = $default:expr) => { $type };
    (@type $type:ty => $derived:expr) => { $type };
    (@type $type:ty $(=>? $maybe:expr)?) => { Option<$type> };
    (@value $written:ident $key:ident = $default:expr) => { $written.$key.unwrap_or($default) };
    (@value $written:ident $key:ident => $derived:expr) => { $written.$key.unwrap_or_else(|| $derived($written)) };
    (@value $written:ident $key:ident =>? $maybe:expr) => { $written.$key.or_else(|| $maybe($written)) };
    (@value $written:ident $key:ident) => { $written.$key };
    (@effective $settings:ident $key:ident = $default:expr) => { Some($settings.$key.into()) };
    (@effective $settings:ident $key:ident => $derived:expr) => { Some($settings.$key.into()) };
    (@effective $settings:ident $key:ident $(=>? $maybe:expr)?) => { $settings.$key.map(Into::into) };
}

/// The value that is given for `key`.
pub(crate) fn read<T: FromGiven>(key: &'static str, given: &Given) -> Result<T, SettingError> {
    T::from_given(given).ok_or_else(|| SettingError::Unlike {
        key,
        expected: T::EXPECTED,
        given: given.clone(),
    })
}

pub(crate) use policy;
