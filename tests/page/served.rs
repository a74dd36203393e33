//! A page on this machine.

use crate::browser::Found;
use resilient::http::{Options, router};
use tokio::net::TcpListener;

/// The address of a page that is served until the test ends.
pub(crate) async fn served(options: Options) -> Found<String> {
    let app = axum::Router::new().nest_service("/resilience", router(options));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}/resilience"))
}
