//! Standard error as a screen: messages, and below them one live line for each running task.
//!
//! Where it is no terminal, a task says a line when it begins, when it ends, and every few seconds between.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{human, terminal, text, wrap};
use crate::report::Task;

const REDRAW: Duration = Duration::from_millis(100);
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// Rates are means over this time, so they follow the network and still do not flicker.
const WINDOW: Duration = Duration::from_secs(5);

/// Standard error.
pub struct Screen {
    live: bool,
    colours: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tasks: Vec<Progress>,
    begun: u64,
    /// Live lines on the terminal, the cursor below them.
    drawn: usize,
    drawn_at: Option<Instant>,
}

impl Screen {
    pub fn new() -> Screen {
        let stream = stderr();
        let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        Screen {
            live: stream.is_terminal() && !dumb,
            colours: terminal::colours(&stream),
            state: Mutex::default(),
        }
    }

    /// Whether lines can be drawn again.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// A message of one line, its prefix perhaps in an ANSI colour.
    pub fn say(&self, prefix: &str, colour: Option<&str>, message: &str) {
        let line = self.lines(&format!("{prefix}{}", text::line(message)));
        let line = match (colour.filter(|_| self.colours), line.strip_prefix(prefix)) {
            (Some(colour), Some(message)) => format!("\x1b[{colour}m{prefix}\x1b[0m{message}\n"),
            _ => format!("{line}\n"),
        };
        self.print(&mut self.state(), &line);
    }

    /// A message, broken where the terminal would break it.
    fn lines(&self, message: &str) -> String {
        match terminal::dimensions(stderr()).filter(|_| self.live) {
            Some((_, columns)) if text::width(message) > columns => {
                wrap::lines(message, columns, if message.starts_with(' ') { 4 } else { 2 }).join("\n")
            }
            _ => message.to_owned(),
        }
    }

    /// The last word of a process that is about to end: tasks are taken back.
    pub fn finish(&self, message: &str) {
        let mut state = self.state();
        state.tasks.clear();
        // The terminal has written ^C where the cursor was.
        let start = if self.live { "\r\x1b[K" } else { "" };
        let line = self.lines(message);
        self.print(&mut state, &format!("{start}{line}\n"));
    }

    /// Begins a task.
    pub fn begin(screen: &Arc<Screen>, label: &str, total: Option<u64>) -> LiveTask {
        let mut state = screen.state();
        let id = state.begun;
        state.begun += 1;
        let progress = Progress::new(id, &text::line(label), total, Instant::now());
        if screen.live {
            state.tasks.push(progress);
            screen.draw(&mut state);
        } else {
            screen.print(&mut state, &format!("{}\n", progress.opening()));
            state.tasks.push(progress);
        }
        drop(state);
        LiveTask { screen: Arc::clone(screen), id }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Progress, Instant), at_once: bool) {
        let now = Instant::now();
        let mut state = self.state();
        let Some(task) = state.tasks.iter_mut().find(|task| task.id == id) else { return };
        change(task, now);
        if self.live {
            if at_once || state.drawn_at.is_none_or(|at| now.duration_since(at) >= REDRAW) {
                self.draw(&mut state);
            }
        } else if now.duration_since(task.said_at) >= PLAIN_INTERVAL {
            task.said_at = now;
            let line = task.line(now, usize::MAX);
            self.print(&mut state, &format!("{line}\n"));
        }
    }

    fn end(&self, id: u64) {
        let mut state = self.state();
        let Some(at) = state.tasks.iter().position(|task| task.id == id) else { return };
        let task = state.tasks.remove(at);
        self.print(&mut state, &format!("{}\n", task.closing(Instant::now())));
    }

    /// Puts `lines` above the live ones.
    fn print(&self, state: &mut State, lines: &str) {
        let mut frame = erase(state.drawn);
        frame.push_str(lines);
        state.drawn = 0;
        self.append_live(state, &mut frame);
        emit(&frame);
    }

    fn draw(&self, state: &mut State) {
        let mut frame = erase(state.drawn);
        state.drawn = 0;
        self.append_live(state, &mut frame);
        emit(&frame);
    }

    fn append_live(&self, state: &mut State, frame: &mut String) {
        if !self.live {
            return;
        }
        let now = Instant::now();
        let (rows, columns) = terminal::dimensions(stderr()).unwrap_or((24, 80));
        for task in state.tasks.iter().take(rows.saturating_sub(1)) {
            // A full line would wrap, and then count as two.
            frame.push_str(&format!("{}\n", task.line(now, columns.saturating_sub(1))));
            state.drawn += 1;
        }
        state.drawn_at = Some(now);
    }
}

/// The control sequence that takes back `lines` lines.
fn erase(lines: usize) -> String {
    match lines {
        0 => String::new(),
        _ => format!("\x1b[{lines}A\r\x1b[J"),
    }
}

/// One write, so that frames do not tear. A closed standard error is no reason to stop.
fn emit(frame: &str) {
    let _ = stderr().write_all(frame.as_bytes());
}

/// A task on the screen.
pub struct LiveTask {
    screen: Arc<Screen>,
    id: u64,
}

impl Task for LiveTask {
    fn advance(&self, bytes: u64) {
        self.screen.change(self.id, |task, now| task.advance(bytes, now), false);
    }

    fn resumed(&self, bytes: u64) {
        self.screen.change(self.id, |task, now| task.resumed(bytes, now), true);
    }

    fn state(&self, word: &str) {
        self.screen.change(self.id, |task, _| task.word = text::line(word).into_owned(), true);
    }
}

impl Drop for LiveTask {
    fn drop(&mut self) {
        self.screen.end(self.id);
    }
}

/// What is known of one task.
struct Progress {
    id: u64,
    label: String,
    total: Option<u64>,
    done: u64,
    /// Bytes that were there before.
    found: u64,
    word: String,
    begun: Instant,
    said_at: Instant,
    /// Moments of the last [`WINDOW`], and the bytes done by then.
    samples: VecDeque<(Instant, u64)>,
}

impl Progress {
    fn new(id: u64, label: &str, total: Option<u64>, now: Instant) -> Progress {
        Progress {
            id,
            label: label.to_owned(),
            total,
            done: 0,
            found: 0,
            word: String::new(),
            begun: now,
            said_at: now,
            samples: VecDeque::from([(now, 0)]),
        }
    }

    fn advance(&mut self, bytes: u64, now: Instant) {
        self.done = self.done.saturating_add(bytes);
        if self.samples.back().is_none_or(|(at, _)| now.duration_since(*at) >= REDRAW) {
            self.samples.push_back((now, self.done));
        }
        while self.samples.len() > 1
            && self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
    }

    fn resumed(&mut self, bytes: u64, now: Instant) {
        self.done = self.done.saturating_add(bytes);
        self.found = self.found.saturating_add(bytes);
        self.samples = VecDeque::from([(now, self.done)]);
    }

    /// Bytes a second over the window.
    fn rate(&self, now: Instant) -> Option<f64> {
        let (since, before) = self.samples.front()?;
        let seconds = now.duration_since(*since).as_secs_f64();
        (seconds >= 0.2).then(|| self.done.saturating_sub(*before) as f64 / seconds)
    }

    fn remaining(&self, now: Instant) -> Option<Duration> {
        let rate = self.rate(now).filter(|rate| *rate >= 1.0)?;
        let left = self.total?.checked_sub(self.done)?;
        Duration::try_from_secs_f64((left as f64 / rate).ceil()).ok()
    }

    fn opening(&self) -> String {
        match self.total {
            Some(total) => format!("{}: {}", self.label, human::size(total)),
            None => self.label.clone(),
        }
    }

    /// `label   45%  12.3 MiB / 27.0 MiB  3.1 MiB/s  5s left`, in as many columns as there are.
    fn line(&self, now: Instant, width: usize) -> String {
        let mut parts = Vec::new();
        match self.total {
            Some(total) if total > 0 => {
                let percent = (u128::from(self.done.min(total)) * 100 / u128::from(total)) as u64;
                parts.push(format!("{percent:3}%  {} / {}", human::size(self.done), human::size(total)));
            }
            _ if self.done == 0 && !self.word.is_empty() => {}
            _ => parts.push(human::size(self.done)),
        }
        if self.word.is_empty() {
            parts.extend(self.rate(now).map(|rate| format!("{}/s", human::size(rate as u64))));
            parts.extend(self.remaining(now).map(|time| format!("{} left", human::duration(time))));
        } else {
            parts.push(self.word.clone());
        }
        let right = parts.join("  ");
        text::truncate(&format!("{}  {right}", self.label), width).into_owned()
    }

    fn closing(&self, now: Instant) -> String {
        let complete = self.total.map_or(self.done > 0, |total| self.done >= total);
        let word = match (self.word.is_empty(), complete) {
            (false, _) => self.word.as_str(),
            (true, true) => "done",
            (true, false) => "stopped",
        };
        let amount = human::size(self.done - self.found);
        let time = human::duration(now.duration_since(self.begun));
        match self.done == self.found {
            true => format!("{}: {word}", self.label),
            false => format!("{}: {word}, {amount} in {time}", self.label),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(begun: Instant, seconds: u64) -> Instant {
        begun + Duration::from_secs(seconds)
    }

    #[test]
    fn rate_is_of_the_window_and_not_of_what_was_found() {
        let begun = Instant::now();
        let mut task = Progress::new(0, "layer", Some(100 << 20), begun);
        task.resumed(50 << 20, begun);
        for second in 1..=10 {
            let bytes = if second <= 4 { 4 << 20 } else { 1 << 20 };
            task.advance(bytes, after(begun, second));
        }
        let now = after(begun, 10);
        assert_eq!(task.line(now, 80), "layer   72%  72.0 MiB / 100 MiB  1.0 MiB/s  28s left");
        assert_eq!(task.line(now, 20), "layer   72%  72.0 M…");
        assert_eq!(task.closing(now), "layer: stopped, 22.0 MiB in 10s");
    }

    #[test]
    fn what_never_came_is_not_done() {
        let begun = Instant::now();
        let mut task = Progress::new(0, "archive", None, begun);
        assert_eq!(task.closing(begun), "archive: stopped");
        task.advance(1 << 10, begun);
        assert_eq!(task.closing(after(begun, 2)), "archive: done, 1.0 KiB in 2s");
    }

    #[test]
    fn a_word_stands_for_the_rate() {
        let begun = Instant::now();
        let mut task = Progress::new(0, "layer", Some(1 << 10), begun);
        task.word = "retrying".to_owned();
        assert_eq!(task.line(after(begun, 3), 80), "layer    0%  0 B / 1.0 KiB  retrying");
    }
}
