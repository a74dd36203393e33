//! What errors of databases say of themselves decides about retries and breakers: with a real SQLite,
//! and with the real drivers of PostgreSQL and MySQL, to which somebody speaks as a server would.

use resilient::{CircuitBreakerState, Class, Classify, Rejected, circuit_breaker, registry, retry};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{
    Connection, Error, MySqlConnection, PgConnection, Row, SqliteConnection, query, query_scalar,
};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Connects, which fails, and says how often it was tried.
async fn attempts<C: Connection>(url: &str) -> (Error, u32) {
    #[retry(3, backoff = fixed(0s))]
    async fn connect<C: Connection>(runs: &AtomicU32, url: &str) -> Result<(), Error> {
        runs.fetch_add(1, Ordering::Relaxed);
        C::connect(url).await?.close().await
    }

    let runs = AtomicU32::new(0);
    let error = connect::<C>(&runs, url).await.expect_err("it always fails");
    (error, runs.into_inner())
}

/// A server that says `answer` to everybody, after it has heard something if `listens`; its address.
async fn server(listens: bool, answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if listens {
                let heard = stream.read(&mut [0; 1024]).await.expect("a greeting");
                assert_ne!(heard, 0);
            }
            stream.write_all(&answer).await.expect("written");
            stream.shutdown().await.expect("closed");
        }
    });
    address
}

/// An `ErrorResponse` ("PostgreSQL Frontend/Backend Protocol").
fn postgres_error(state: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{state}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).expect("a short message");
    [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat()
}

/// An `ERR_Packet` ("MySQL Client/Server Protocol").
fn mysql_error(number: u16, state: &str, message: &str) -> Vec<u8> {
    let text = format!("#{state}{message}");
    let length = u32::try_from(text.len() + 3).expect("a short message");
    let [low, middle, high, _] = length.to_le_bytes();
    let number = number.to_le_bytes();
    [&[low, middle, high, 0, 0xff][..], &number, text.as_bytes()].concat()
}

#[tokio::test]
async fn what_postgresql_says_is_tried_again_if_it_may_pass() {
    for (state, message, attempted) in [
        ("57P03", "the database system is starting up", 3),
        (
            "57P01",
            "terminating connection due to administrator command",
            3,
        ),
        ("53300", "sorry, too many clients already", 3),
        ("40001", "could not serialize access", 3),
        ("28P01", "password authentication failed", 1),
        ("3D000", "database does not exist", 1),
        ("08P01", "unsupported startup parameter", 1),
    ] {
        let address = server(true, postgres_error(state, message)).await;
        let url = format!("postgres://app@{address}/shop?sslmode=disable");
        let (error, runs) = attempts::<PgConnection>(&url).await;
        let answer = error.as_database_error().expect("an answer");
        assert_eq!(answer.code().as_deref(), Some(state), "{error}");
        assert_eq!(runs, attempted, "{error}");
    }
}

#[tokio::test]
async fn what_mysql_says_is_tried_again_if_it_may_pass() {
    for (number, state, message, attempted) in [
        (1040, "08004", "Too many connections", 3),
        (1053, "08S01", "Server shutdown in progress", 3),
        (1213, "40001", "Deadlock found when trying to get lock", 3),
        (1205, "HY000", "Lock wait timeout exceeded", 3),
        (
            1203,
            "42000",
            "User app already has too many connections",
            3,
        ),
        (1045, "28000", "Access denied for user 'app'", 1),
        (1049, "42000", "Unknown database 'shop'", 1),
        (1290, "HY000", "The server is running read-only", 1),
    ] {
        let address = server(false, mysql_error(number, state, message)).await;
        let url = format!("mysql://app@{address}/shop?ssl-mode=disabled");
        let (error, runs) = attempts::<MySqlConnection>(&url).await;
        let answer = error.as_database_error().expect("an answer");
        assert_eq!(answer.code().as_deref(), Some(state), "{error}");
        assert_eq!(runs, attempted, "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_or_lost_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nobody = listener.local_addr().expect("its address");
    drop(listener);
    let mute = server(true, Vec::new()).await;
    for address in [nobody.to_string(), mute] {
        let url = format!("postgres://app@{address}/shop?sslmode=disable");
        let (error, runs) = attempts::<PgConnection>(&url).await;
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert_eq!(runs, 3, "{error:?}");
    }
}

/// A database in a file, with a table of one row.
async fn file(name: &str) -> SqliteConnectOptions {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.sqlite"));
    for end in ["", "-journal"] {
        let mut path = path.clone().into_os_string();
        path.push(end);
        // It is there only if an earlier test was killed.
        let _ = std::fs::remove_file(path);
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let options = options.busy_timeout(Duration::ZERO);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .expect("a file");
    query("CREATE TABLE stock (item TEXT PRIMARY KEY, pieces INTEGER NOT NULL)")
        .execute(&mut connection)
        .await
        .expect("a table");
    query("INSERT INTO stock VALUES ('lamp', 7)")
        .execute(&mut connection)
        .await
        .expect("a row");
    connection.close().await.expect("closed");
    options
}

/// Takes one piece, in a transaction that begins with each attempt; the second one ends the other's.
#[retry(3, backoff = fixed(0s), attempt = cx)]
async fn take(
    own: &mut SqliteConnection,
    others: &mut Option<SqliteConnection>,
) -> Result<u32, Error> {
    if let (2, Some(others)) = (cx.number(), others.as_mut()) {
        query("COMMIT").execute(others).await?;
    }
    let mut transaction = own.begin_with("BEGIN IMMEDIATE").await?;
    query("UPDATE stock SET pieces = pieces - 1")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(cx.number())
}

#[tokio::test]
async fn a_database_that_is_locked_is_tried_again() {
    let options = file("locked").await;
    let mut own = SqliteConnection::connect_with(&options)
        .await
        .expect("a connection");
    let mut others = SqliteConnection::connect_with(&options)
        .await
        .expect("a connection");
    query("BEGIN IMMEDIATE")
        .execute(&mut others)
        .await
        .expect("it is locked");

    let error = take(&mut own, &mut None)
        .await
        .expect_err("it stays locked");
    assert_eq!(error.class(), Class::Transient, "{error:?}");
    let answer = error.as_database_error().expect("an answer");
    assert_eq!(answer.code().as_deref(), Some("5"), "SQLITE_BUSY");

    assert_eq!(take(&mut own, &mut Some(others)).await.expect("free"), 2);
    let pieces: i64 = query_scalar("SELECT pieces FROM stock")
        .fetch_one(&mut own)
        .await
        .expect("a row");
    assert_eq!(pieces, 6, "once");
}

#[retry(3, backoff = fixed(0s))]
async fn ask(
    runs: &AtomicU32,
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<i64, Error> {
    runs.fetch_add(1, Ordering::Relaxed);
    query(statement).fetch_one(connection).await?.try_get(0)
}

#[tokio::test]
async fn a_statement_that_would_fail_again_is_tried_once() {
    let options = file("wrong").await;
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .expect("a connection");
    for (statement, code) in [
        ("INSERT INTO stock VALUES ('lamp', 1)", Some("1555")), // a key twice
        ("INSERT INTO stock VALUES ('desk', NULL)", Some("1299")), // not null
        ("SELEKT 1", Some("1")),
        ("SELECT 1 FROM nowhere", Some("1")),
        ("SELECT pieces FROM stock WHERE item = 'desk'", None), // no row
        ("SELECT item FROM stock", None),                       // no number
    ] {
        let runs = AtomicU32::new(0);
        let error = ask(&runs, &mut connection, statement).await;
        let error = error.expect_err("it cannot be done");
        let answer = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        assert_eq!(answer.as_deref(), code, "{error:?}");
        assert_eq!(error.class(), Class::Permanent, "{error:?}");
        assert_eq!(runs.into_inner(), 1, "{error:?}");
    }
}

/// A function's own error, which leaves the decision to the database's.
#[derive(Debug, thiserror::Error, Classify)]
enum StockError {
    #[error("the stock cannot be read")]
    #[class(forward)]
    Database(#[from] Error),
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

#[circuit_breaker("databases.stock", failure_threshold = 2)]
async fn borrow(pool: &sqlx::SqlitePool) -> Result<(), StockError> {
    pool.acquire().await?;
    Ok(())
}

#[tokio::test]
async fn a_pool_whose_connections_are_all_in_use_is_a_failure_and_one_that_is_closed_is_none() {
    let options = SqlitePoolOptions::new().max_connections(1);
    let options = options.acquire_timeout(Duration::from_millis(20));
    let pool = options
        .clone()
        .connect_with(file("pool").await)
        .await
        .expect("a pool");
    let closed = options.connect_lazy_with(file("closed").await);
    closed.close().await;

    let breaker = || {
        registry()
            .circuit_breaker("databases.stock")
            .expect("a breaker")
    };
    let in_use = pool.acquire().await.expect("a connection");
    for _ in 0..3 {
        let error = borrow(&closed).await.expect_err("it is closed");
        assert_eq!(error.class(), Class::Ignored, "{error:?}");
    }
    assert_eq!(breaker().state(), CircuitBreakerState::Closed);
    for _ in 0..2 {
        let error = borrow(&pool).await.expect_err("it is in use");
        assert_eq!(error.class(), Class::Transient, "{error:?}");
    }
    assert_eq!(breaker().state(), CircuitBreakerState::Open);
    let error = borrow(&pool).await.expect_err("the breaker is open");
    assert!(matches!(error, StockError::Rejected(_)), "{error:?}");
    drop(in_use);
}
