//! A page in headless Chromium (Debian: `apt-get install chromium`), and what it asks for.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Cli, Done};

/// Accepts what the browser would send to anywhere, and counts it.
pub(crate) struct Proxy {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                counter.fetch_add(1, Ordering::SeqCst);
                drop::<TcpStream>(socket);
            }
        });
        Proxy { address, asked }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Opens a page in a browser that reaches the network through `proxy` alone.
pub(crate) fn browse(page: &Path, proxy: &Proxy, args: &[&str]) -> Done {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let browser = std::env::split_paths(&paths).flat_map(|dir| names.map(|name| dir.join(name)));
    let browser = browser.into_iter().find(|path| path.is_file());
    let browser =
        browser.expect("this test opens the page in Chromium; install it: apt-get install chromium");
    let profile = tempfile::tempdir().expect("a directory");
    // What the browser itself would ask its maker is not the page's doing.
    let quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-default-apps",
        "--disable-extensions",
        "--disable-domain-reliability",
        "--disable-client-side-phishing-detection",
        // Nor is this, which no flag stops; it goes past the proxy, and ends at a name that is not found.
        "--proxy-bypass-list=<-loopback>;*.google.com;*.googleapis.com;*.gstatic.com",
        "--host-resolver-rules=MAP *.google.com ~NOTFOUND, MAP *.googleapis.com ~NOTFOUND, MAP *.gstatic.com ~NOTFOUND",
    ];
    Cli::of(browser.to_str().expect("a path in UTF-8"))
        .args(quiet)
        .args([format!("--proxy-server=http://{}", proxy.address)])
        .args([format!("--user-data-dir={}", profile.path().display())])
        .args(args)
        .args([format!("file://{}", page.display())])
        .done()
}
