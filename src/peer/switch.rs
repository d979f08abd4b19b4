//! A call's control process, its media server and the caller, as far as the worker notices them.
//!
//! Time is handed in: the switch knows no clock.
//!
//! Source: `ecallmgr_call_control.erl` (`handle_dialplan`, `insert_command`,
//! `insert_queue_command_into_queue`), `ecallmgr_call_command.erl` (`exec_cmd`).

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use crate::json::Object;
use crate::kapi::header;

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long any media plays but a silence.
    pub play: Duration,
    /// Whether `silence_stream://N` lasts `N` milliseconds.
    pub silences: bool,
    /// From the start of the prompt to the first key, and from key to key.
    pub key: Duration,
}

impl Pace {
    /// Realistic, but shorter than any prompt.
    pub const BRISK: Self =
        Self { play: Duration::from_millis(150), silences: true, key: Duration::from_millis(120) };
    /// Nothing takes any time.
    pub const INSTANT: Self = Self { play: Duration::ZERO, silences: false, key: Duration::ZERO };
}

/// What the switch tells the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A command is done.
    Complete {
        /// KAZOO's name of it.
        application: String,
        /// What it answered: the noop's id for a noop.
        response: String,
        /// The media of a play.
        media: Option<String>,
    },
    /// The caller pressed a key.
    Key(char),
    /// The call was answered.
    Answered,
    /// The channel is gone.
    Destroyed {
        /// Why, by the cause's name.
        cause: String,
    },
    /// A command failed.
    Failed {
        /// `Msg-ID` of the command.
        msg_id: String,
        /// The command without its headers.
        request: Object,
        /// What went wrong, as control names it.
        error: &'static str,
        /// The same for people.
        message: String,
    },
}

/// One call's switch.
#[derive(Debug)]
pub struct Switch {
    call_id: String,
    pace: Pace,
    queue: VecDeque<Object>,
    playing: Option<Playing>,
    plays: usize,
    keys: VecDeque<char>,
    next_key_at: Option<Duration>,
    answered: bool,
    destroyed: bool,
    reports: Vec<Report>,
}

#[derive(Debug)]
struct Playing {
    media: String,
    until: Duration,
    terminators: String,
}

impl Switch {
    /// The switch of a call whose caller presses `keys` once the prompt plays.
    ///
    /// The prompt is the second media that plays: a short silence comes first.
    pub fn new(call_id: impl Into<String>, pace: Pace, keys: &str) -> Self {
        Self {
            call_id: call_id.into(),
            pace,
            queue: VecDeque::new(),
            playing: None,
            plays: 0,
            keys: keys.chars().collect(),
            next_key_at: None,
            answered: false,
            destroyed: false,
            reports: Vec::new(),
        }
    }

    /// Whether the channel is still there.
    pub fn is_alive(&self) -> bool {
        !self.destroyed
    }

    /// Whether the call was answered.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// The keys that nobody asked for yet.
    pub fn keys_left(&self) -> usize {
        self.keys.len()
    }

    /// When something happens next by itself.
    pub fn next_at(&self) -> Option<Duration> {
        let playing = self.playing.as_ref().map(|playing| playing.until);
        [playing, self.next_key_at].into_iter().flatten().min()
    }

    /// What there is to tell, in order.
    pub fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// Takes a command as it came over AMQP.
    pub fn command(&mut self, now: Duration, command: &Object) {
        if text(command, header::CALL_ID) != self.call_id {
            let message = "call command provided with a command for a different call id";
            self.fail(command, "throw", message.to_owned());
            return;
        }
        let insert_at = text(command, "Insert-At");
        let mut commands = commands_of(command);
        match insert_at {
            // Control inserts the list of a `queue` from its end.
            "" | "tail" => {
                commands.reverse();
                self.queue.extend(commands);
            }
            "head" => {
                for command in commands.into_iter().rev() {
                    self.queue.push_front(command);
                }
            }
            "now" => {
                for command in commands {
                    self.run(now, &command);
                }
            }
            "flush" => {
                self.queue.clear();
                self.end_play();
                self.queue.extend(commands);
            }
            // A living control process would be dead now; the check of the message says so.
            _ => {}
        }
        self.work(now);
    }

    /// Does what is due.
    pub fn advance(&mut self, now: Duration) {
        while let Some(at) = self.next_at().filter(|at| *at <= now) {
            if self.next_key_at == Some(at) {
                self.press(at);
            } else {
                self.end_play();
            }
            self.work(at);
        }
    }

    /// The caller hangs up.
    pub fn hang_up(&mut self) {
        self.destroy("ORIGINATOR_CANCEL");
    }

    fn press(&mut self, now: Duration) {
        self.next_key_at = None;
        let Some(key) = self.keys.pop_front() else { return };
        self.reports.push(Report::Key(key));
        if !self.keys.is_empty() {
            self.next_key_at = Some(now + self.pace.key);
        }
        if self.playing.as_ref().is_some_and(|playing| playing.terminators.contains(key)) {
            self.end_play();
        }
    }

    /// Runs the queue until something plays.
    fn work(&mut self, now: Duration) {
        while self.playing.is_none() {
            let Some(command) = self.queue.pop_front() else { return };
            self.run(now, &command);
        }
    }

    fn run(&mut self, now: Duration, command: &Object) {
        let application = text(command, header::APPLICATION_NAME);
        if self.destroyed {
            if application != "hangup" {
                let message = format!("channel is gone, {application} not executed");
                self.fail(command, "DOWN", message);
            }
            return;
        }
        match application {
            "play" => self.play(now, command),
            "noop" => self.complete("noop", text(command, header::MSG_ID)),
            "hangup" => {
                let cause = text(command, "Hangup-Cause");
                self.destroy(if cause.is_empty() { "NORMAL_CLEARING" } else { cause });
            }
            "answer" => {
                self.answered = true;
                self.reports.push(Report::Answered);
                self.complete("answer", "NONE");
            }
            // Nothing is reported of these.
            "set" | "park" | "" => {}
            other => self.complete(other, "NONE"),
        }
    }

    fn play(&mut self, now: Duration, command: &Object) {
        // Two media at once is what `now` would make; the second waits for the first.
        if self.playing.is_some() {
            self.queue.push_front(command.clone());
            return;
        }
        let media = text(command, "Media-Name").to_owned();
        let terminators = match command.get("Terminators") {
            Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).collect(),
            _ => String::new(),
        };
        let until = now + self.pace.length(&media);
        self.playing = Some(Playing { media, until, terminators });
        self.plays += 1;
        if self.plays == 2 && !self.keys.is_empty() {
            self.next_key_at = Some(now + self.pace.key);
        }
    }

    fn end_play(&mut self) {
        if let Some(Playing { media, .. }) = self.playing.take() {
            self.reports.push(Report::Complete {
                application: "play".to_owned(),
                response: "FILE PLAYED".to_owned(),
                media: Some(media),
            });
        }
    }

    fn complete(&mut self, application: &str, response: &str) {
        self.reports.push(Report::Complete {
            application: application.to_owned(),
            response: response.to_owned(),
            media: None,
        });
    }

    fn destroy(&mut self, cause: &str) {
        if self.destroyed {
            return;
        }
        self.destroyed = true;
        self.playing = None;
        self.next_key_at = None;
        self.reports.push(Report::Destroyed { cause: cause.to_owned() });
        self.work(Duration::ZERO);
    }

    fn fail(&mut self, command: &Object, error: &'static str, message: String) {
        let mut request = command.clone();
        for key in header::DEFAULT_HEADERS.into_iter().chain([
            header::CALL_ID,
            header::NODE,
            header::SERVER_ID,
        ]) {
            request.shift_remove(key);
        }
        let msg_id = text(command, header::MSG_ID).to_owned();
        self.reports.push(Report::Failed { msg_id, request, error, message });
    }
}

impl Pace {
    fn length(&self, media: &str) -> Duration {
        match media.strip_prefix("silence_stream://") {
            Some(_) if !self.silences => Duration::ZERO,
            Some(length) => length
                .split(',')
                .next()
                .and_then(|length| length.parse().ok())
                .map_or(self.play, Duration::from_millis),
            None => self.play,
        }
    }
}

/// A command as the list that is queued: a `queue` is its list, whose members take the headers
/// they lack from it.
fn commands_of(command: &Object) -> Vec<Object> {
    if text(command, header::APPLICATION_NAME) != "queue" {
        return vec![command.clone()];
    }
    let inherited = header::DEFAULT_HEADERS.into_iter().chain([
        header::CALL_ID,
        header::NODE,
        header::SERVER_ID,
    ]);
    let inherited: Vec<_> =
        inherited.filter_map(|key| Some((key, command.get(key)?.clone()))).collect();
    let commands = command.get("Commands").and_then(Value::as_array);
    let commands = commands.into_iter().flatten().filter_map(Value::as_object);
    commands
        .map(|command| {
            let mut command = command.clone();
            for (key, value) in &inherited {
                command.entry(*key).or_insert_with(|| value.clone());
            }
            command
        })
        .collect()
}

fn text<'a>(object: &'a Object, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
#[path = "switch_tests.rs"]
mod tests;
