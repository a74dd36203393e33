//! With `&mut self`.

use crate::driven::{
    Dependency, Error, breaker_bulkhead_timeout, breaker_retry_timeout, limit_retry_timeout,
    spawnable, timeout_retry_bulkhead,
};
use resilient::{bulkhead, circuit_breaker, rate_limit, retry, timeout};
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::io;

struct Connection {
    dependency: Dependency,
    buffer: Vec<u8>,
    sent: usize,
}

impl Connection {
    const fn new(dependency: Dependency) -> Self {
        Self {
            dependency,
            buffer: Vec::new(),
            sent: 0,
        }
    }
}

struct Command {
    name: &'static str,
}

trait FromValue: Sized {
    fn from_value(value: &str) -> Self;
}

impl FromValue for String {
    fn from_value(value: &str) -> Self {
        value.to_owned()
    }
}

#[derive(Debug)]
enum Frame {
    Simple(String),
}

impl Connection {
    // A typed answer to a borrowed command, as in a client of a key-value store.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    pub(crate) async fn query<T>(&mut self, command: &Command) -> Result<T, Error>
    where
        T: FromValue + Send + 'static,
    {
        self.sent += 1;
        self.dependency.ask().await?;
        Ok(T::from_value(command.name))
    }

    // A boxed error behind an alias with one parameter, as in a small server of a key-value store.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    pub(crate) async fn read_frame(&mut self) -> Boxed<Option<Frame>> {
        self.buffer.clear();
        self.dependency.ask().await?;
        Ok(Some(Frame::Simple("OK".into())))
    }

    // Owned messages that are moved and `Clone`, as in a producer of a log.
    #[rate_limit(3/h, burst = 3)]
    #[retry(2)]
    #[timeout(1s)]
    async fn send_batch(&mut self, messages: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Vec<u64>, Error> {
        let mut offsets = Vec::with_capacity(messages.len());
        for (key, value) in messages {
            self.buffer.extend(key);
            self.buffer.extend(value);
            offsets.push(self.buffer.len() as u64);
        }
        self.dependency.ask().await?;
        Ok(offsets)
    }

    // Anything that can be written, by value, as in a client for mail.
    #[timeout(10s)]
    #[retry(3)]
    #[bulkhead("adoption.mail", 1)]
    pub(crate) async fn command<C: Display>(&mut self, command: C) -> Result<usize, Error> {
        self.buffer.extend(command.to_string().as_bytes());
        self.dependency.ask().await?;
        Ok(self.buffer.len())
    }

    // What is read borrows from `&mut self`, as in a buffered reader: no retry can lend it twice.
    #[circuit_breaker(failure_threshold = 2)]
    #[bulkhead(1)]
    #[timeout(1s)]
    pub(crate) async fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let answer = self.dependency.ask().await;
        answer.map_err(|error| io::Error::new(io::ErrorKind::ConnectionReset, error))?;
        self.buffer.push(b'x');
        Ok(&self.buffer)
    }

    // A dynamic parameter, a slice of trait objects and `anyhow`, as in a language server.
    #[circuit_breaker(failure_threshold = 2)]
    #[retry(3)]
    #[timeout(1s)]
    async fn handle(
        &mut self,
        id: u32,
        parameters: serde_json::Value,
        observers: &[Box<dyn Fn(u32) + Send + Sync>],
    ) -> anyhow::Result<()> {
        for observer in observers {
            observer(id);
        }
        let parameters = parameters;
        self.dependency.ask().await?;
        self.sent = parameters.as_array().map_or(0, Vec::len);
        Ok(())
    }
}

type Boxed<T> = Result<T, Box<dyn StdError + Send + Sync>>;

#[tokio::test(start_paused = true)]
async fn a_typed_answer_to_a_borrowed_command() {
    breaker_retry_timeout(async |dependency| {
        let mut connection = Connection::new(dependency);
        let command = Command { name: "PING" };
        let answer = spawnable(connection.query::<String>(&command)).await?;
        assert_eq!(answer, "PING");
        assert_eq!(connection.sent, 3); // what is lent mutably is as the last attempt left it
        Ok::<_, Error>(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_or_the_end() {
    breaker_retry_timeout(async |dependency| -> Boxed<()> {
        let mut connection = Connection::new(dependency);
        let frame = spawnable(connection.read_frame()).await?;
        assert!(matches!(frame, Some(Frame::Simple(text)) if text == "OK"));
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_moved() {
    limit_retry_timeout(async |dependency| {
        let mut connection = Connection::new(dependency);
        let messages = vec![(vec![1], vec![2, 3]), (vec![4], vec![])];
        let offsets = spawnable(connection.send_batch(messages)).await?;
        assert_eq!(offsets, [7, 8]); // behind the four bytes of the attempt that failed
        Ok::<_, Error>(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn anything_that_can_be_written() {
    timeout_retry_bulkhead(async |dependency| {
        let mut connection = Connection::new(dependency);
        let length = spawnable(connection.command("NOOP")).await?;
        assert_eq!(length, 12);
        Ok::<_, Error>(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_read_borrows_from_the_reader() {
    breaker_bulkhead_timeout(async |dependency| {
        let mut connection = Connection::new(dependency);
        let read = spawnable(connection.fill_buf()).await?;
        assert_eq!(read, b"x");
        Ok::<_, io::Error>(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_parameter() {
    breaker_retry_timeout(async |dependency| {
        let mut connection = Connection::new(dependency);
        let observers: [Box<dyn Fn(u32) + Send + Sync>; 1] = [Box::new(|id| assert_eq!(id, 7))];
        let parameters = serde_json::json!([1, 2]);
        spawnable(connection.handle(7, parameters, &observers)).await?;
        assert_eq!(connection.sent, 2);
        anyhow::Ok(())
    })
    .await;
}
