//! The settings of TLS and of who may ask the HTTP listener. `docs/security.md` has the whole.

use super::{SettingDoc, doc};

setting!(
    AMQP_CA,
    "amqp-ca",
    "amqp_ca",
    "AMQP_CA",
    doc(
        "none",
        "the path of a PEM file with one or more certificates",
        "The only authorities that may vouch for an amqps broker; without it, those of the system",
        None,
    )
);
setting!(
    AMQP_CERT,
    "amqp-cert",
    "amqp_cert",
    "AMQP_CERT",
    doc(
        "none",
        "the path of a PEM file with the certificate and those between it and the authority; \
         together with amqp-key",
        "The certificate this worker shows to an amqps broker",
        None,
    )
);
setting!(
    AMQP_KEY,
    "amqp-key",
    "amqp_key",
    "AMQP_KEY",
    doc(
        "none",
        "the path of a PEM file with the key of amqp-cert, without a passphrase",
        "The key of that certificate",
        None,
    )
);
setting!(
    HTTP_HOSTS,
    "http-hosts",
    "http_hosts",
    "HTTP_HOSTS",
    doc(
        "none",
        "names or addresses without a port, with commas between",
        "Further names under which a browser may ask the HTTP listener for more than health and \
         metrics",
        None,
    )
);
setting!(
    CONSOLE,
    "console",
    "console",
    "CONSOLE",
    doc(
        "local",
        "`local`, `on` or `off`",
        "Who may open the console: connections from this machine, whoever reaches the HTTP \
         listener, or nobody",
        None,
    )
);
