//! Publisher confirms of one channel, shared by all who publish.
//!
//! One channel for all lets the broker confirm many messages with one frame. Two things the
//! library leaves open are closed here. It numbers a message and queues it in two steps, so two
//! threads could swap them: all sending happens under one lock. And it mixes up returned messages
//! ([`super::returned`]): so all answers are taken in the library's order, by whoever looks first,
//! for everybody.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{future::BoxFuture, task::AtomicWaker};
use lapin::{Channel, Confirmation, options::BasicPublishOptions};

use super::{
    LinkError, Published,
    outgoing::Prepared,
    returned::{Returned, Standing},
};

/// Messages without answer at most; only a broker that has stopped confirming leaves so many.
const MAX_OPEN: usize = 65_536;

/// The confirms of one channel.
pub(super) struct Confirms {
    channel: Arc<Channel>,
    table: Mutex<Table>,
    woken: Arc<Woken>,
}

/// Messages whose confirmation has something new, in the order of the library's own thread.
#[derive(Default)]
struct Woken(Mutex<Vec<u64>>);

/// Wakes the publisher of one message, after noting which message it is.
struct Alarm {
    message: u64,
    woken: Arc<Woken>,
    publisher: AtomicWaker,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        lock(&self.woken.0).push(self.message);
        self.publisher.wake();
    }
}

#[derive(Default)]
struct Table {
    open: HashMap<u64, Open>,
    returned: Returned,
    /// Answered, but in doubt.
    doubting: Vec<u64>,
}

/// One message from its sending until its publisher has been told, or has gone.
struct Open {
    alarm: Arc<Alarm>,
    state: State,
    forgotten: bool,
}

enum State {
    Sent(BoxFuture<'static, lapin::Result<Confirmation>>),
    Answered(lapin::Result<Answer>),
}

/// The broker's answer to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Ack,
    Nack,
}

/// What became of a message: to be awaited. Dropped, the message still goes out.
pub(super) struct Ticket {
    confirms: Arc<Confirms>,
    message: u64,
    told: bool,
}

/// Why a ticket ends without a [`Published`].
#[derive(Debug)]
pub(super) enum NotPublished {
    Nacked,
    Failed(lapin::Error),
}

impl Confirms {
    pub(super) fn new(channel: Channel) -> Arc<Self> {
        Arc::new(Self {
            channel: Arc::new(channel),
            table: Mutex::default(),
            woken: Arc::default(),
        })
    }

    /// Sends a message behind all those sent before.
    pub(super) fn send(self: &Arc<Self>, message: Prepared) -> Result<Ticket, LinkError> {
        let id = message.timestamp;
        let channel = Arc::clone(&self.channel);
        let mut confirmation: BoxFuture<'static, _> = Box::pin(async move {
            let Prepared { exchange, routing_key, mandatory, body, properties, .. } = message;
            let options = BasicPublishOptions { mandatory, immediate: false };
            let confirmation =
                channel.basic_publish(exchange, routing_key, options, &body, properties).await?;
            drop(body);
            confirmation.await
        });
        let woken = Arc::clone(&self.woken);
        let alarm = Arc::new(Alarm { message: id, woken, publisher: AtomicWaker::new() });
        let waker = Waker::from(Arc::clone(&alarm));
        let mut table = lock(&self.table);
        if table.open.len() >= MAX_OPEN {
            // Answers are taken by whoever waits for one, and perhaps nobody does.
            table.progress(&self.woken);
        }
        if table.open.len() >= MAX_OPEN {
            return Err(LinkError::Overloaded { open: MAX_OPEN });
        }
        // The first poll numbers the message and puts it into the library's queue.
        let first = confirmation.as_mut().poll(&mut Context::from_waker(&waker));
        let state = State::Sent(confirmation);
        table.open.insert(id, Open { alarm, state, forgotten: false });
        if let Poll::Ready(result) = first {
            table.answered(id, result);
        }
        Ok(Ticket { confirms: Arc::clone(self), message: id, told: false })
    }
}

impl Table {
    /// Takes every answer there is.
    fn progress(&mut self, woken: &Woken) {
        loop {
            let messages = std::mem::take(&mut *lock(&woken.0));
            if messages.is_empty() {
                return;
            }
            for message in messages {
                let Some(open) = self.open.get_mut(&message) else { continue };
                let State::Sent(confirmation) = &mut open.state else { continue };
                let waker = Waker::from(Arc::clone(&open.alarm));
                let mut context = Context::from_waker(&waker);
                if let Poll::Ready(result) = confirmation.as_mut().poll(&mut context) {
                    self.answered(message, result);
                }
            }
        }
    }

    fn answered(&mut self, message: u64, result: lapin::Result<Confirmation>) {
        let answer = result.map(|confirmation| {
            let answer = if confirmation.is_nack() { Answer::Nack } else { Answer::Ack };
            let came_with = confirmation.take_message().map(|returned| {
                let owner = returned.delivery.properties.timestamp().unwrap_or_default();
                (owner, format!("{} {}", returned.reply_code, returned.reply_text))
            });
            let open = &self.open;
            self.returned.answered(message, came_with, |owner| match open.get(&owner) {
                Some(Open { state: State::Sent(_), .. }) => Standing::Open,
                Some(_) => Standing::Answered,
                None => Standing::Gone,
            });
            answer
        });
        if let Some(open) = self.open.get_mut(&message) {
            open.state = State::Answered(answer);
            if open.forgotten {
                self.forget(message);
            }
        }
        if self.returned.is_settled() {
            for message in self.doubting.drain(..) {
                if let Some(open) = self.open.get(&message) {
                    open.alarm.publisher.wake();
                }
            }
        }
    }

    /// What the publisher of a message is to be told, if that is known.
    fn tell(&mut self, message: u64) -> Option<Result<Published, NotPublished>> {
        let Some(Open { state: State::Answered(answer), .. }) = self.open.get(&message) else {
            return None;
        };
        let told = match answer {
            Err(error) => Err(NotPublished::Failed(error.clone())),
            Ok(Answer::Nack) => Err(NotPublished::Nacked),
            Ok(Answer::Ack) => {
                let Some(verdict) = self.returned.verdict(message) else {
                    self.doubting.push(message);
                    return None;
                };
                Ok(verdict)
            }
        };
        self.forget(message);
        Some(told)
    }

    fn forget(&mut self, message: u64) {
        self.open.remove(&message);
        self.returned.forget(message);
    }
}

impl Future for Ticket {
    type Output = Result<Published, NotPublished>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let told = {
            let mut table = lock(&self.confirms.table);
            if let Some(open) = table.open.get(&self.message) {
                open.alarm.publisher.register(context.waker());
            }
            table.progress(&self.confirms.woken);
            table.tell(self.message)
        };
        match told {
            Some(told) => {
                self.told = true;
                Poll::Ready(told)
            }
            None => Poll::Pending,
        }
    }
}

/// A message whose publisher has gone stays in the table until it is answered: its answer may
/// bring somebody else's returned message.
impl Drop for Ticket {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        let mut table = lock(&self.confirms.table);
        match table.open.get_mut(&self.message) {
            Some(open) if matches!(open.state, State::Sent(_)) => open.forgotten = true,
            Some(_) => table.forget(self.message),
            None => {}
        }
    }
}

impl std::fmt::Debug for Confirms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirms").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing of ours panics while holding one of these, and no entry is ever half written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
