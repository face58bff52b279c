//! `plugin add` with a person at a terminal, who is asked.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::{User, card, contains};

/// Nothing here takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(60);
const QUESTION: &str = "Add it? [y/N] ";

/// A pseudo-terminal: the end that a person has, and the one that a program has.
#[allow(unsafe_code)]
fn open_terminal() -> (File, File) {
    let (mut ours, mut theirs) = (-1, -1);
    let none = std::ptr::null_mut::<libc::c_char>();
    // SAFETY: both are written where it succeeds, and nothing else is asked for.
    let done = unsafe {
        libc::openpty(&raw mut ours, &raw mut theirs, none, std::ptr::null_mut(), std::ptr::null_mut())
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: they were opened above, and nobody else has them.
    unsafe { (File::from_raw_fd(ours), File::from_raw_fd(theirs)) }
}

fn command(user: &User, file: &Path) -> Command {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmperf"));
    command.env_clear().env("HOME", &home).env("XDG_CACHE_HOME", home.join("cache"));
    command.env("LLMPERF_DATA_DIR", user.path("data")).args(["plugin", "add"]).arg(file);
    command.stdout(Stdio::null());
    command
}

/// What is shown on the terminal, as it comes; it ends with the program.
fn screen(mut ours: File) -> Receiver<String> {
    let (sender, shown) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        // The other end is closed with the program: an error, or nothing more.
        while let Ok(n @ 1..) = ours.read(&mut bytes) {
            let _ = sender.send(String::from_utf8_lossy(&bytes[..n]).into_owned());
        }
    });
    shown
}

fn end_of(mut child: Child) -> Option<i32> {
    let id = child.id();
    let (sender, ended) = channel();
    std::thread::spawn(move || {
        let _ = sender.send(child.wait().expect("the child is ours").code());
    });
    ended.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("process {id} does not end"))
}

/// Adds a plugin and types `answer` when asked; gives the exit code, and what stood on the screen.
fn asked(user: &User, answer: &str) -> (Option<i32>, String) {
    let file = user.file("asked.wasm", &card("magpie"));
    let (mut ours, theirs) = open_terminal();
    let child = {
        let mut command = command(user, &file);
        command.stdin(theirs.try_clone().expect("a terminal")).stderr(theirs);
        // Our copies of its end go with the command.
        command.spawn().expect("the binary runs")
    };
    let shown = screen(ours.try_clone().expect("a terminal"));
    let mut text = String::new();
    while !text.contains(QUESTION) {
        match shown.recv_timeout(PATIENCE) {
            Ok(more) => text.push_str(&more),
            Err(error) => panic!("it does not ask ({error}): {text}"),
        }
    }
    ours.write_all(answer.as_bytes()).expect("typed");
    let code = end_of(child);
    shown.iter().for_each(|more| text.push_str(&more));
    (code, text)
}

#[test]
fn a_person_who_says_yes_gets_the_plugin() {
    for answer in ["y\n", "Y\n", " yes \n"] {
        let user = User::new();
        let (code, text) = asked(&user, answer);
        assert_eq!((code, user.installed()), (Some(0), vec!["magpie".to_owned()]), "{answer:?}: {text}");
        let (told, _) = text.split_once(QUESTION).expect("the question");
        contains(told, &["plugin    magpie 0.3.0", "sha256", "imports   wasi:", "It runs in a sandbox"]);
    }
}

#[test]
fn a_person_who_says_anything_else_does_not() {
    // The last is the end of input, Ctrl-D.
    for answer in ["n\n", "\n", "no\n", "yo\n", "\u{4}"] {
        let user = User::new();
        let (code, text) = asked(&user, answer);
        assert_eq!((code, user.installed()), (Some(2), vec![]), "{answer:?}: {text}");
        contains(&text, &["error: plugin magpie is not added"]);
    }
}

#[test]
fn a_question_that_nobody_sees_is_not_asked() {
    let user = User::new();
    let file = user.file("asked.wasm", &card("magpie"));
    let (_ours, theirs) = open_terminal();
    let mut command = command(&user, &file);
    let output = command.stdin(theirs).stderr(Stdio::piped()).output().expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    contains(&stderr, &["nobody is there to be asked", "hint: --yes"]);
    assert!(!stderr.contains(QUESTION) && user.installed().is_empty(), "{stderr}");
}
