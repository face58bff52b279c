//! What the mock does to a TCP connection, below HTTP.

use std::future;
use std::io;
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A client that does not read for this long is taken for gone.
const WRITE_LIMIT: Duration = Duration::from_secs(3600);

/// Writes all bytes, in pieces of at most `split`.
///
/// # Errors
/// The connection is broken, or the client stopped reading.
pub(super) async fn write_all(stream: &TcpStream, bytes: &[u8], split: Option<usize>) -> io::Result<()> {
    for piece in bytes.chunks(split.unwrap_or(usize::MAX)) {
        let mut rest = piece;
        while !rest.is_empty() {
            // A stream without waits would otherwise keep its thread from all others.
            tokio::task::coop::consume_budget().await;
            match stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(full) if full.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::timeout(WRITE_LIMIT, stream.writable()).await??;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Reads what there is; 0 at the end.
///
/// # Errors
/// The connection is broken.
pub(super) async fn read(stream: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        tokio::task::coop::consume_budget().await;
        match stream.try_read(into) {
            Err(empty) if empty.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
            result => return result,
        }
    }
}

/// Resolves when the client has closed or broken the connection; never where it has sent something not yet read.
pub(super) async fn gone(stream: &TcpStream) {
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        let mut byte = [0u8];
        let peek = || Ok(rustix::net::recv(stream, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT)?.0);
        match stream.try_io(Interest::READABLE, peek) {
            Err(empty) if empty.kind() == io::ErrorKind::WouldBlock => {}
            Ok(waiting) if waiting > 0 => future::pending().await,
            Ok(_) | Err(_) => return,
        }
    }
}

/// Makes the coming close a reset (RST in place of FIN).
pub(super) fn reset_on_close(stream: &TcpStream) {
    // It fails on a connection that is broken already, which is what was wanted.
    let _ = stream.set_zero_linger();
}
