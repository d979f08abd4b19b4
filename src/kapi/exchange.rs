//! KAZOO's exchanges.

/// An exchange of KAZOO that we publish to or bind.
///
/// Source: `kz_amqp.hrl` (`EXCHANGE_*`, `TYPE_*`), `kz_amqp_util.erl` (`new_exchange/3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// Replies and other point-to-point messages; the routing key is a queue name.
    Targeted,
    /// Commands to a call's control process; the routing key is a queue name.
    Callctl,
    /// Call events, `usurp_control`, dialplan errors, channel status requests.
    Callevt,
    /// `callflow.action.*` and `callflow.resume`.
    Kapps,
    /// Route requests.
    Callmgr,
    /// Document change notices.
    Configuration,
    /// Node advertisements.
    Nodes,
}

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExchangeKind {
    /// By equality of routing key and binding key.
    Direct,
    /// By binding keys with `*` and `#`.
    Topic,
    /// To every bound queue.
    Fanout,
}

/// The flags of an `exchange.declare`.
///
/// A declaration with other flags than KAZOO's is answered with 406 and closes the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // the bits of one AMQP method
pub struct ExchangeFlags {
    /// Only check that it exists.
    pub passive: bool,
    /// Survives a restart of the broker.
    pub durable: bool,
    /// Goes with its last binding.
    pub auto_delete: bool,
    /// Takes messages from other exchanges only.
    pub internal: bool,
    /// Asks for no reply.
    pub nowait: bool,
}

impl Exchange {
    /// Every exchange of this room.
    pub const ALL: [Self; 7] = [
        Self::Targeted,
        Self::Callctl,
        Self::Callevt,
        Self::Kapps,
        Self::Callmgr,
        Self::Configuration,
        Self::Nodes,
    ];

    /// The flags KAZOO declares all of them with; there are no arguments.
    pub const FLAGS: ExchangeFlags = ExchangeFlags {
        passive: false,
        durable: false,
        auto_delete: false,
        internal: false,
        nowait: false,
    };

    /// The name on the broker.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Targeted => "targeted",
            Self::Callctl => "callctl",
            Self::Callevt => "callevt",
            Self::Kapps => "kapps",
            Self::Callmgr => "callmgr",
            Self::Configuration => "configuration",
            Self::Nodes => "nodes",
        }
    }

    /// The type it is declared with.
    pub const fn kind(self) -> ExchangeKind {
        match self {
            Self::Targeted | Self::Callctl => ExchangeKind::Direct,
            Self::Callevt | Self::Kapps | Self::Callmgr | Self::Configuration => {
                ExchangeKind::Topic
            }
            Self::Nodes => ExchangeKind::Fanout,
        }
    }

    /// The exchange of that name, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|exchange| exchange.name() == name)
    }
}

impl ExchangeKind {
    /// The type as AMQP names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Topic => "topic",
            Self::Fanout => "fanout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_have_the_names_and_types_kazoo_declares() {
        let declared: Vec<_> =
            Exchange::ALL.iter().map(|each| (each.name(), each.kind().as_str())).collect();
        assert_eq!(
            declared,
            [
                ("targeted", "direct"),
                ("callctl", "direct"),
                ("callevt", "topic"),
                ("kapps", "topic"),
                ("callmgr", "topic"),
                ("configuration", "topic"),
                ("nodes", "fanout"),
            ]
        );
    }

    #[test]
    fn an_exchange_is_found_by_its_name() {
        for exchange in Exchange::ALL {
            assert_eq!(Exchange::from_name(exchange.name()), Some(exchange));
        }
        assert_eq!(Exchange::from_name("resources"), None);
    }
}
