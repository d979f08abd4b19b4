//! A model of KAZOO that lives through the death of its broker: executors and call control that
//! come back with the addresses they had, an ecallmgr that knows which channels are up, and callers
//! who type when they are asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kazoo_dynamic_cid::json::Object;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::events::{CALL, done, fill_in, hung_up, key_pressed, noop};
use crate::kazoo::{self, Kazoo, Received};
use crate::line::noop_id;
use crate::term::Told;
use crate::transcript::in_words;

/// What callers type when they hear the prompt.
const KEYS: &str = "123456#";
/// How long media plays, and between two keys.
const PLAYING: Duration = Duration::from_millis(20);
const BETWEEN_KEYS: Duration = Duration::from_millis(8);
/// How long a call lasts after the action.
const TALKING: Duration = Duration::from_secs(3);

/// One call and what became of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Course {
    /// When the execute was published.
    pub(crate) begun: Option<Instant>,
    /// When the broker had confirmed the execute.
    pub(crate) handed_over: Option<Instant>,
    /// How often the worker sent commands.
    pub(crate) commands: usize,
    /// The results that came.
    pub(crate) results: Vec<(Instant, Told)>,
    /// Commands that came behind the first result.
    pub(crate) afterwards: Vec<(Instant, String)>,
    /// Wrong ids or addresses.
    pub(crate) faults: Vec<String>,
    /// Whether the caller has hung up.
    ended: bool,
    msg_id: String,
}

/// KAZOO's side.
pub(crate) struct Cluster {
    uri: String,
    queue: String,
    /// The connection, while there is one.
    connected: watch::Sender<Option<Arc<Kazoo>>>,
    calls: Mutex<HashMap<String, Course>>,
    /// Messages for calls that nobody knows, or knows no longer.
    strays: AtomicUsize,
}

impl Cluster {
    /// A cluster on a broker; it connects again whenever it has to.
    pub(crate) fn on(uri: &str) -> Arc<Self> {
        let cluster = Arc::new(Self {
            uri: uri.to_owned(),
            queue: format!("callflow_route_{:08x}", rand::random::<u32>()),
            connected: watch::Sender::new(None),
            calls: Mutex::default(),
            strays: AtomicUsize::new(0),
        });
        tokio::spawn(Arc::clone(&cluster).stay());
        cluster
    }

    async fn stay(self: Arc<Self>) {
        loop {
            if let Ok((kazoo, mut own, mut questions)) = self.connect().await {
                self.connected.send_replace(Some(Arc::new(kazoo)));
                loop {
                    tokio::select! {
                        received = own.recv() => match received {
                            Some(received) => self.heard(&received),
                            None => break,
                        },
                        question = questions.recv() => match question {
                            Some(question) => self.asked(question),
                            None => break,
                        },
                    }
                }
                self.connected.send_replace(None);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn connect(
        &self,
    ) -> Result<(Kazoo, mpsc::UnboundedReceiver<Received>, mpsc::UnboundedReceiver<Received>)> {
        let kazoo = Kazoo::connect(&self.uri).await?;
        let bindings = [("targeted", self.queue.as_str()), ("callctl", self.queue.as_str())];
        let own = kazoo.listen(&self.queue, &bindings).await?;
        let questions = format!("ecallmgr_{}", self.queue);
        let questions = kazoo.listen(&questions, &[("callevt", "call.status_req.#")]).await?;
        Ok((kazoo, own, questions))
    }

    /// The connection, as soon as there is one.
    pub(crate) async fn kazoo(&self) -> Result<Arc<Kazoo>> {
        let mut connected = self.connected.subscribe();
        let kazoo = connected.wait_for(Option::is_some).await?;
        kazoo.clone().ok_or_else(|| anyhow::anyhow!("no connection"))
    }

    /// Hands a call over; `false` where the broker did not confirm that it has it.
    pub(crate) async fn hand_over(&self, id: &str, call: &Object, data: &Value) -> Result<bool> {
        let kazoo = self.kazoo().await?;
        let msg_id = kazoo_dynamic_cid::kapi::new_msg_id();
        let own = format!("pid://<0.900.0>/{}", self.queue);
        let mut call = call.clone();
        for (key, value) in [("Call-ID", id), ("Control-Queue", &own), ("Controller-Queue", &own)] {
            call.insert(key.to_owned(), value.into());
        }
        let execute = json!({
            "Call": call, "Data": data, "Call-ID": id, "Msg-ID": msg_id, "Server-ID": own,
            "Event-Category": "callflow", "Event-Name": "action.execute",
            "App-Name": "callflow", "App-Version": "4.0.0", "Node": "kazoo_apps@127.0.0.1",
        });
        let begun = Some(Instant::now());
        self.lock().insert(id.to_owned(), Course { begun, msg_id, ..Course::default() });
        let body = execute.to_string();
        let (channel, properties) = (&kazoo.channel, kazoo::properties());
        let confirmed = kazoo::publish_work(channel, body.as_bytes(), properties).await.is_ok();
        if confirmed && let Some(course) = self.lock().get_mut(id) {
            course.handed_over = Some(Instant::now());
        }
        Ok(confirmed)
    }

    /// What has become of a call so far.
    pub(crate) fn course(&self, id: &str) -> Course {
        self.lock().get(id).cloned().unwrap_or_default()
    }

    /// All calls that were handed over.
    pub(crate) fn courses(&self) -> Vec<(String, Course)> {
        let calls = self.lock();
        let handed_over = calls.iter().filter(|(_, course)| course.handed_over.is_some());
        handed_over.map(|(id, course)| (id.clone(), course.clone())).collect()
    }

    /// Whether there is a broker to hand calls to.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.borrow().is_some()
    }

    /// The calls that began before a time, which are forgotten.
    pub(crate) fn take_begun_before(&self, time: Instant) -> Vec<(String, Course)> {
        let old = |_: &String, course: &mut Course| course.begun.is_some_and(|at| at < time);
        self.lock().extract_if(old).collect()
    }

    /// How many messages came for calls that are not known.
    pub(crate) fn strays(&self) -> usize {
        self.strays.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Course>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(self: &Arc<Self>, received: &Received) {
        let id = received.text("Call-ID").to_owned();
        let mut calls = self.lock();
        let Some(course) = calls.get_mut(&id) else {
            self.strays.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if received.pid.as_deref() != Some("<0.900.0>") {
            course.faults.push(format!("for another process: {:?}", received.pid));
        }
        match received.text("Event-Name") {
            "action.accepted" => {}
            "action.result" => {
                if received.text("Msg-ID") != course.msg_id {
                    course.faults.push("a result for another action".to_owned());
                }
                course.results.push((Instant::now(), Told::read(received.text("Result"))));
                if course.results.len() == 1 {
                    tokio::spawn(Arc::clone(self).hang_up(id));
                }
            }
            "command" => {
                course.commands += 1;
                let words = in_words(&received.body);
                if !course.results.is_empty() {
                    course.afterwards.push((Instant::now(), words));
                    return;
                }
                let typed = if words.contains("dynamic-cid-enter_cid") { KEYS } else { "" };
                tokio::spawn(Arc::clone(self).play(id, noop_id(&received.body), typed));
            }
            other => course.faults.push(format!("unknown message {other}")),
        }
    }

    /// What follows the action takes a while; then the call ends.
    async fn hang_up(self: Arc<Self>, id: String) {
        tokio::time::sleep(TALKING).await;
        if let Some(course) = self.lock().get_mut(&id) {
            course.ended = true;
        }
        let ended = fill_in(&hung_up(), &|text| text.replace(CALL, &id));
        let kazoo = self.connected.borrow().clone();
        if let Some(kazoo) = kazoo {
            kazoo.event(&ended).await.ok();
        }
    }

    /// Media plays to its end; the caller types.
    async fn play(self: Arc<Self>, id: String, noop_of: String, keys: &'static str) {
        tokio::time::sleep(PLAYING).await;
        let filled = |event: Value| {
            fill_in(&event, &|text| text.replace(CALL, &id).replace(&noop(1), &noop_of))
        };
        let mut events = vec![filled(done(1))];
        events.extend(keys.chars().map(|key| filled(key_pressed(key))));
        for event in events {
            let kazoo = self.connected.borrow().clone();
            // What happens while the broker is away is not heard by anybody.
            if let Some(kazoo) = kazoo {
                kazoo.event(&event).await.ok();
            }
            tokio::time::sleep(BETWEEN_KEYS).await;
        }
    }

    /// Whether a channel is up.
    fn asked(self: &Arc<Self>, question: Received) {
        let id = question.text("Call-ID").to_owned();
        let up = self.lock().get(&id).is_some_and(|course| !course.ended);
        let status = if up { "active" } else { "terminated" };
        let body = json!({
            "Event-Category": "call_event", "Event-Name": "channel_status_resp",
            "Call-ID": id, "Status": status, "Msg-ID": question.text("Msg-ID"),
            "App-Name": "ecallmgr", "App-Version": "4.0.0", "Node": "ecallmgr@127.0.0.1",
            "Switch-Nodename": "freeswitch@fs1.example.com",
        });
        let cluster = Arc::clone(self);
        tokio::spawn(async move {
            let kazoo = cluster.connected.borrow().clone();
            if let Some(kazoo) = kazoo {
                kazoo.publish("targeted", question.text("Server-ID"), &body).await.ok();
            }
        });
    }
}

/// What must hold of every call, whatever died.
pub(crate) fn check(id: &str, course: &Course) -> Result<()> {
    ensure!(course.faults.is_empty(), "{id}: {:?}", course.faults);
    let told: Vec<_> = course.results.iter().map(|(_, told)| told).collect();
    ensure!(
        !told.iter().any(|told| matches!(told, Told::Unknown(_) | Told::Undecodable(_))),
        "{id}: {told:?}"
    );
    Ok(())
}
