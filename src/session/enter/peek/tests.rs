use rustix::io::{read, write};
use rustix::pipe::{PipeFlags, pipe_with};

use super::*;

/// The caller's pipe and the guest's: what is read of each, and what is written to each.
struct Pipes {
    caller: OwnedFd,
    from: OwnedFd,
    to: OwnedFd,
    guest: OwnedFd,
}

impl Pipes {
    fn new() -> (Pipes, Peek) {
        let (from, caller) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        let (guest, to) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        let peek = Peek::new(&to).unwrap();
        (Pipes { caller, from, to, guest }, peek)
    }

    fn turn(&self, peek: &mut Peek) -> Next {
        peek.turn(&self.from, &self.to)
    }

    fn say(&self, text: &[u8]) {
        assert_eq!(write(&self.caller, text).unwrap(), text.len());
    }

    /// What the guest reads, at most so many bytes.
    fn hear(&self, count: usize) -> Vec<u8> {
        taken(&self.guest, count)
    }

    /// What is left to who reads the caller's pipe afterwards.
    fn left(&self) -> Vec<u8> {
        taken(&self.from, LARGE)
    }
}

fn taken(pipe: &OwnedFd, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let read = read(pipe, &mut bytes).unwrap_or(0);
    bytes.truncate(read);
    bytes
}

#[test]
fn what_the_guest_does_not_read_is_left_to_the_caller() {
    let (pipes, mut peek) = Pipes::new();
    assert!(matches!(pipes.turn(&mut peek), Next::AwaitSource));
    pipes.say(b"one\ntwo\nthree\n");
    assert!(matches!(pipes.turn(&mut peek), Next::AwaitSink));
    assert_eq!(pipes.hear(4), b"one\n");
    peek.settle(&pipes.from, &pipes.to);
    assert_eq!(pipes.left(), b"two\nthree\n");
}

#[test]
fn nothing_is_shown_twice_and_nothing_is_lost() {
    let (pipes, mut peek) = Pipes::new();
    pipes.say(b"first");
    assert!(matches!(pipes.turn(&mut peek), Next::AwaitSink));
    // It comes while the first is still shown.
    pipes.say(b"second");
    assert_eq!(pipes.hear(LARGE), b"first");
    assert!(matches!(pipes.turn(&mut peek), Next::AwaitSink));
    assert_eq!(pipes.hear(LARGE), b"second");
    peek.settle(&pipes.from, &pipes.to);
    assert!(pipes.left().is_empty());
    assert!(matches!(pipes.turn(&mut peek), Next::AwaitSource));
}

#[test]
fn it_ends_with_the_source_and_with_the_guest() {
    let (Pipes { caller, from, to, guest: _guest }, mut peek) = Pipes::new();
    drop(caller);
    assert!(matches!(peek.turn(&from, &to), Next::End));

    let (pipes, mut peek) = Pipes::new();
    pipes.say(b"for nobody");
    assert!(matches!(pipes.turn(&mut peek), Next::AwaitSink));
    let Pipes { caller: _caller, from, to, guest } = pipes;
    drop(guest);
    assert!(matches!(peek.turn(&from, &to), Next::End));
    assert_eq!(taken(&from, LARGE), b"for nobody");
}

#[test]
fn who_has_read_much_gets_all_that_comes() {
    let (pipes, mut peek) = Pipes::new();
    let page = vec![b'x'; 4096];
    let mut read = 0;
    let hurried = loop {
        pipes.say(&page);
        match pipes.turn(&mut peek) {
            Next::AwaitSink => read += pipes.hear(LARGE).len() as u64,
            next => break matches!(next, Next::Hurry),
        }
        assert!(read <= WANTED);
    };
    assert!(hurried);
    assert_eq!(read, WANTED);
    // What came with the last turn was not shown, and waits in the caller's pipe.
    assert_eq!(pipes.left(), page);
}

#[test]
fn who_reads_the_callers_pipe_besides_keeps_nobody_waiting() {
    let (pipes, mut peek) = Pipes::new();
    pipes.say(b"taken by another");
    assert!(matches!(pipes.turn(&mut peek), Next::AwaitSink));
    assert_eq!(pipes.left(), b"taken by another");
    assert_eq!(pipes.hear(LARGE), b"taken by another");
    assert!(matches!(pipes.turn(&mut peek), Next::AwaitSource));
}
