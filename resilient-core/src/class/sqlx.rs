//! Databases with sqlx: what its errors say.

use super::{Class, Classify, among};
use crate::error::Rejected;
use ::sqlx::Error;
use ::sqlx::error::DatabaseError;
use std::error::Error as StdError;
use std::io;

// Who asks for a class of a type of their own is not helped by it.
#[diagnostic::do_not_recommend]
impl Classify for Error {
    /// | error | class | why |
    /// |---|---|---|
    /// | `Io` | as the `std::io::Error` in it | |
    /// | `Tls` | as the `std::io::Error` behind it; without one permanent | a certificate that is not trusted is not trusted next time |
    /// | `Protocol` | transient | the connection is out of step, and another one need not be |
    /// | `PoolTimedOut` | transient | all connections are in use |
    /// | `PoolClosed` | ignored | the program itself closed it |
    /// | `WorkerCrashed` | transient | another connection has another worker |
    /// | `RowNotFound` | permanent | an answer |
    /// | `Database` | by its code, below | |
    /// | everything else: `Configuration`, `Encode`, `Decode`, `ColumnNotFound`, … | permanent | a mistake in the program |
    ///
    /// A database names what happened by an SQLSTATE (PostgreSQL, MySQL and MariaDB) or by a result code
    /// (SQLite):
    ///
    /// | code | class | |
    /// |---|---|---|
    /// | 08…, but not 08P01 | transient | the connection |
    /// | 40…, but not 40002 | transient | rolled back: 40001 serialization failure, 40P01 deadlock (MySQL 1213) |
    /// | 53… | transient | too few resources: connections, memory, disk |
    /// | 55006, 55P03 | transient | in use, locked |
    /// | 57014, 57P01, 57P02, 57P03, 57P05, 25P03, 25P04 | transient | cancelled, shut down, starting, idle for too long |
    /// | 58000, 58030, XX000 | transient | the system, an internal failure |
    /// | MySQL 1203, 1205, 1226, 1317, 3024, 3572 | transient | limits of a user, waits for locks, interrupted statements |
    /// | SQLite BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, PROTOCOL, SCHEMA, ABORT, with their extended codes | transient | |
    /// | everything else: 22… data, 23… constraints, 42… syntax and rights, … | permanent | the same statement fails again |
    /// | none | permanent | |
    ///
    /// What was rolled back has to be tried as a whole: put the attribute on the function that begins the
    /// transaction. Whether a statement had an effect is not known after `Io`.
    fn class(&self) -> Class {
        match self {
            Self::Io(error) => error.class(),
            Self::Tls(error) => behind(&**error),
            Self::Database(error) if may_pass(&**error) => Class::Transient,
            Self::Protocol(_) | Self::PoolTimedOut | Self::WorkerCrashed => Class::Transient,
            Self::PoolClosed => Class::Ignored,
            _ => Class::Permanent,
        }
    }

    fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Io(error) => error.rejected(),
            _ => among(self.source()),
        }
    }
}

/// What the `io::Error` that this error is, or was caused by, says.
fn behind(error: &(dyn StdError + 'static)) -> Class {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.class();
        }
        next = error.source();
    }
    Class::Permanent
}

fn may_pass(error: &dyn DatabaseError) -> bool {
    match error.code() {
        // An SQLSTATE has five characters, and no code of SQLite has as many digits.
        Some(state) if state.len() == 5 => {
            sql_state(&state) || my_sql_number(error, &state).is_some_and(my_sql)
        }
        Some(code) => code.parse().is_ok_and(sqlite),
        None => false,
    }
}

/// The standard's classes, with the codes of PostgreSQL ("PostgreSQL Error Codes", its appendix A).
fn sql_state(state: &str) -> bool {
    match state {
        "08P01" | "40002" => false,
        "25P03" | "25P04" | "55006" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05"
        | "58000" | "58030" | "XX000" => true,
        _ => ["08", "40", "53"]
            .iter()
            .any(|class| state.starts_with(class)),
    }
}

/// MySQL has one SQLSTATE for many failures, and its own number only in its message:
/// `1205 (HY000): Lock wait timeout exceeded`.
fn my_sql_number(error: &dyn DatabaseError, state: &str) -> Option<u32> {
    if !matches!(state, "HY000" | "42000" | "70100") {
        return None;
    }
    let message = error.to_string();
    let (number, rest) = message.split_once(" (")?;
    rest.strip_prefix(state)?.strip_prefix("): ")?;
    number.parse().ok()
}

/// Limits of one user (1203, 1226), waits for locks (1205, 3572), interrupted statements (1317, 3024).
const fn my_sql(number: u32) -> bool {
    matches!(number, 1203 | 1205 | 1226 | 1317 | 3024 | 3572)
}

/// The primary result code is the lowest byte ("Result and Error Codes", sqlite.org).
const fn sqlite(code: u32) -> bool {
    const ABORT: u32 = 4;
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const NOMEM: u32 = 7;
    const INTERRUPT: u32 = 9;
    const IOERR: u32 = 10;
    const FULL: u32 = 13;
    const PROTOCOL: u32 = 15;
    const SCHEMA: u32 = 17;

    matches!(
        code & 0xff,
        ABORT | BUSY | LOCKED | NOMEM | INTERRUPT | IOERR | FULL | PROTOCOL | SCHEMA
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::sqlx::error::ErrorKind;
    use std::borrow::Cow;
    use std::fmt;

    /// What a database answered, as the drivers show it.
    #[derive(Debug)]
    struct Answer {
        code: Option<&'static str>,
        message: &'static str,
    }

    impl fmt::Display for Answer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.message)
        }
    }

    impl StdError for Answer {}

    impl DatabaseError for Answer {
        fn message(&self) -> &str {
            self.message
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            self.code.map(Cow::Borrowed)
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn class(code: impl Into<Option<&'static str>>, message: &'static str) -> Class {
        let code = code.into();
        Error::Database(Box::new(Answer { code, message })).class()
    }

    #[test]
    fn an_sqlstate_has_its_class() {
        for code in [
            "08000", "08003", "08006", "08S01", "40001", "40P01", "53300", "53100", "53400",
            "55P03", "55006", "57014", "57P01", "57P02", "57P03", "57P05", "25P03", "58030",
            "XX000",
        ] {
            assert_eq!(class(code, "x"), Class::Transient, "{code}");
        }
        for code in [
            "08P01", "40002", "22001", "22P02", "23505", "23503", "23000", "25006", "28P01",
            "42601", "42P01", "42501", "55000", "57P04", "58P01", "XX001", "P0001", "HY000",
        ] {
            assert_eq!(class(code, "x"), Class::Permanent, "{code}");
        }
        assert_eq!(class(None, "x"), Class::Permanent);
        assert_eq!(class("", "x"), Class::Permanent);
    }

    #[test]
    fn mysql_says_in_its_message_what_its_sqlstate_leaves_open() {
        let waited = "1205 (HY000): Lock wait timeout exceeded; try restarting transaction";
        assert_eq!(class("HY000", waited), Class::Transient);
        let users = "1203 (42000): User app already has more than 'max_user_connections'";
        assert_eq!(class("42000", users), Class::Transient);
        let deadlock = "1213 (40001): Deadlock found when trying to get lock";
        assert_eq!(class("40001", deadlock), Class::Transient);
        let syntax = "1064 (42000): You have an error in your SQL syntax";
        assert_eq!(class("42000", syntax), Class::Permanent);
        let quoted = "1064 (42000): near '1205 (HY000): '";
        assert_eq!(class("42000", quoted), Class::Permanent);
        let borrowed = "1205 (HY000): a message of somebody else";
        assert_eq!(class("23000", borrowed), Class::Permanent);
    }

    #[test]
    fn a_result_code_of_sqlite_has_its_class() {
        for code in [
            "5", "261", "517", "773", "6", "262", "4", "516", "7", "9", "10", "266", "8714", "13",
            "15", "17",
        ] {
            assert_eq!(class(code, "x"), Class::Transient, "{code}");
        }
        for code in [
            "1", "8", "11", "14", "19", "2067", "1555", "787", "20", "23", "26", "x",
        ] {
            assert_eq!(class(code, "x"), Class::Permanent, "{code}");
        }
    }

    #[test]
    fn what_is_not_the_databases_answer_has_a_class_too() {
        let io = |kind: io::ErrorKind| io::Error::from(kind);
        let reset = io::ErrorKind::ConnectionReset;
        for (error, class) in [
            (Error::Io(io(reset)), Class::Transient),
            (Error::Io(io(io::ErrorKind::NotFound)), Class::Permanent),
            (Error::Tls(Box::new(io(reset))), Class::Transient),
            (Error::Tls("not trusted".into()), Class::Permanent),
            (Error::Protocol("x".to_owned()), Class::Transient),
            (Error::PoolTimedOut, Class::Transient),
            (Error::PoolClosed, Class::Ignored),
            (Error::WorkerCrashed, Class::Transient),
            (Error::RowNotFound, Class::Permanent),
            (Error::ColumnNotFound("x".to_owned()), Class::Permanent),
            (Error::Decode("x".into()), Class::Permanent),
            (Error::Configuration("x".into()), Class::Permanent),
            (Error::InvalidSavePointStatement, Class::Permanent),
            (Error::BeginFailed, Class::Permanent),
        ] {
            assert_eq!(error.class(), class, "{error}");
        }
    }

    #[test]
    fn a_refusal_on_the_way_is_one() {
        let refused = Rejected::bulkhead_full("x");
        for error in [
            Error::Io(refused.into()),
            Error::Configuration(Box::new(refused)),
        ] {
            assert_eq!(error.rejected(), Some(&refused), "{error}");
        }
        assert_eq!(Error::RowNotFound.rejected(), None);
    }
}
