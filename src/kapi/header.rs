//! Names of the headers more than one file reads or writes.
//!
//! Source: `kz_api_literals.hrl`.

/// Name of the application that published.
pub const APP_NAME: &str = "App-Name";
/// Its version.
pub const APP_VERSION: &str = "App-Version";
/// First half of a message's type.
pub const EVENT_CATEGORY: &str = "Event-Category";
/// Second half of a message's type.
pub const EVENT_NAME: &str = "Event-Name";
/// What a reply is recognised by.
pub const MSG_ID: &str = "Msg-ID";
/// Where to reply to.
pub const SERVER_ID: &str = "Server-ID";
/// Erlang node, or what stands for it, that published.
pub const NODE: &str = "Node";
/// What log lines about a message are found by, normally a call id.
pub const SYSTEM_LOG_ID: &str = "System-Log-ID";
/// The channel a message is about.
pub const CALL_ID: &str = "Call-ID";
/// The account.
pub const ACCOUNT_ID: &str = "Account-ID";
/// Where commands for a call go.
pub const CONTROL_QUEUE: &str = "Control-Queue";
/// Id of the fetch that started the call; follows it through changes of the call id.
pub const FETCH_ID: &str = "Fetch-ID";
/// The channel variables KAZOO sets itself.
pub const CUSTOM_CHANNEL_VARS: &str = "Custom-Channel-Vars";
/// The channel variables of applications.
pub const CUSTOM_APPLICATION_VARS: &str = "Custom-Application-Vars";
/// Which command a message is or reports on.
pub const APPLICATION_NAME: &str = "Application-Name";
/// What a completed command answered; the noop's id for a noop.
pub const APPLICATION_RESPONSE: &str = "Application-Response";

/// Headers every message must have.
///
/// Source: `kz_api.hrl` (`DEFAULT_HEADERS`).
pub const DEFAULT_HEADERS: [&str; 5] = [APP_NAME, APP_VERSION, EVENT_CATEGORY, EVENT_NAME, MSG_ID];

/// AMQP header that names the Erlang process a message is for.
pub const DELIVER_TO_PID: &str = "Deliver-To-PID";
