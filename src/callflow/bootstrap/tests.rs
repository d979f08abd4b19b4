//! An account in a map, and calls that begin in it.

use serde_json::{Value, json};

use super::*;
use crate::callflow::test_documents::{ACCOUNT, Map, Unreadable, account};

/// A document of the account, with the private fields KAZOO reads.
pub(super) fn document(id: &str, kind: &str, members: Value) -> Value {
    let document = json!({"_id": id, "pvt_type": kind, "pvt_account_id": ACCOUNT,
        "pvt_account_db": "account%2Fc1%2Fd0%2F0000000000000000000000000001"});
    with(document, members)
}

pub(super) fn with(mut members: Value, more: Value) -> Value {
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    members
}

/// A device `dev` and its account.
pub(super) fn documents(device: Value, of_account: Value) -> Map {
    let of_account = with(json!({"realm": "a.b"}), of_account);
    Map::of([document("dev", "device", device), document(ACCOUNT, "account", of_account)])
}

/// A call of that device to 2001.
pub(super) fn call(members: Value) -> Call {
    let call = json!({
        "Request": "2001@a.b", "Request-User": "2001", "Authorizing-ID": "dev",
        "Caller-ID-Number": "+15142221111", "Caller-ID-Name": "Sip",
        "Custom-Channel-Vars": {}, "Key-Value-Store": {},
    });
    Call::new(with(call, members).as_object().cloned().unwrap())
}

pub(super) async fn run(
    documents: &Map,
    call: Call,
    settings: &BootstrapSettings,
) -> Bootstrapped<Unreadable> {
    let account_rules = AccountRules::default();
    let rules = Rules::default();
    bootstrap(documents, &account(), call, settings, &rules, &account_rules).await
}

/// The call, what a `set` carries, and the remarks in words.
pub(super) async fn ready(documents: &Map, call: Call) -> (Call, Value, Vec<String>) {
    match run(documents, call, &BootstrapSettings::default()).await {
        Bootstrapped::Ready { call, channel_vars, remarks, .. } => {
            let remarks = remarks.iter().map(ToString::to_string).collect();
            (call, Value::Object(channel_vars), remarks)
        }
        Bootstrapped::Restricted(restriction) => panic!("{restriction:?}"),
    }
}

/// Why a call is refused, if it is.
async fn refusal(documents: &Map, call: Call) -> Option<String> {
    match run(documents, call, &BootstrapSettings::default()).await {
        Bootstrapped::Ready { .. } => None,
        Bootstrapped::Restricted(restriction) => Some(restriction.reason.to_string()),
    }
}

#[tokio::test]
async fn audio_services_of_endpoint_and_account_are_needed() {
    let audio = |enabled: Value| json!({"services": {"audio": {"enabled": enabled}}});
    let private = |enabled: Value| json!({"pvt_services": {"audio": {"enabled": enabled}}});
    for (device, of_account, refused) in [
        (json!({}), json!({}), None),
        (audio(json!(true)), audio(json!("true")), None),
        (audio(json!(false)), json!({}), Some("endpoint `dev`")),
        (audio(json!(1)), json!({}), Some("endpoint `dev`")),
        (json!({}), audio(json!(false)), Some("account `c1d00000000000000000000000000001`")),
        (with(audio(json!(true)), private(json!(false))), json!({}), Some("endpoint `dev`")),
        (with(audio(json!(false)), private(json!(true))), json!({}), None),
        (with(audio(json!(false)), private(json!(null))), json!({}), None),
        (json!({"services": {"video": {"enabled": false}}}), json!({}), None),
        (json!({"services": "none"}), json!({}), None),
    ] {
        let refusal = refusal(&documents(device.clone(), of_account), call(json!({}))).await;
        let refused = refused.map(|whose| format!("{whose} has its audio service switched off"));
        assert_eq!(refusal, refused, "{device}");
    }
    // A user's endpoint has no services of its own.
    let user = document("dev", "user", audio(json!(false)));
    let documents = Map::of([user, document(ACCOUNT, "account", json!({}))]);
    assert_eq!(refusal(&documents, call(json!({}))).await, None);
}

#[tokio::test]
async fn the_capture_group_or_the_number_dialled_is_classified() {
    let device = |plan: Value| json!({"call_restriction": {"did_us": {"action": "deny"}}, "dial_plan": plan});
    let group = |group: &str| json!({"Key-Value-Store": {"cf_capture_group": group}});
    let dialled = |number: &str| json!({ "Request-User": number });
    let seven = json!({"^(\\d{7})$": {"prefix": "514"}});
    for (plan, call_members, denied) in [
        (json!({}), dialled("2001"), None),
        (json!({}), dialled("4158867900"), Some("4158867900")),
        (json!({}), dialled("5551234"), None),
        (seven.clone(), dialled("5551234"), Some("+15145551234")),
        (json!({}), group("4158867900"), Some("+14158867900")),
        (json!({}), with(group("2001"), dialled("4158867900")), None),
        (json!({}), group("014158867900"), None),
        (json!({"^0*(\\d+)$": {"prefix": "+"}}), group("014158867900"), Some("+14158867900")),
        (seven, group("5551234"), Some("+15145551234")),
    ] {
        let documents = documents(device(plan.clone()), json!({}));
        let refusal = refusal(&documents, call(call_members.clone())).await;
        let denied = denied.map(|number| {
            format!("endpoint `dev` may not call `{number}`, which is of the class `did_us`")
        });
        assert_eq!(refusal, denied, "{plan} {call_members}");
    }
}

#[tokio::test]
async fn whoever_transferred_a_call_restricts_it() {
    let deny = json!({"call_restriction": {"did_us": {"action": "deny"},
        "closed_groups": {"action": "deny"}, "toll_us": {"action": "allow"}}});
    let documents = Map::of([
        document("dev", "device", json!({"language": "fr-FR", "owner_id": "usr"})),
        document("other", "device", with(deny, json!({"language": "de"}))),
        document("usr", "user", json!({})),
        document(ACCOUNT, "account", json!({})),
    ]);
    let by_other = |number: &str| {
        call(json!({"Key-Value-Store": {"Restricted-Endpoint-ID": "other"},
            "Request-User": number}))
    };
    assert!(refusal(&documents, by_other("4158867900")).await.is_some());
    let (call, _, _) = ready(&documents, by_other("2001")).await;
    assert_eq!(call.text("Language").as_deref(), Some("fr-fr"));
    assert_eq!(call.kvs("owner_id"), Some(&json!("usr")));
    assert_eq!(
        call.kvs("denied_call_restrictions"),
        Some(&json!({"did_us": {"action": "deny"}, "closed_groups": {"action": "deny"}}))
    );
}

#[tokio::test]
async fn a_call_without_endpoint_is_neither_restricted_nor_owned() {
    let documents = documents(json!({"enabled": false}), json!({"language": "pt-BR"}));
    let stale = json!({"Key-Value-Store": {"owner_id": "stale"}, "Request-User": "4158867900"});
    let (call, set, remarks) = ready(&documents, call(stale)).await;
    assert_eq!(call.kvs("owner_id"), None);
    assert_eq!(call.kvs("denied_call_restrictions"), None);
    assert_eq!(call.text("Language").as_deref(), Some("pt-br"));
    assert_eq!(
        set,
        json!({"Caller-ID-Name": "Sip", "Caller-ID-Number": "+15142221111",
            "Privacy-Hide-Name": false, "Privacy-Hide-Number": false})
    );
    assert_eq!(remarks, [""; 0]);
}

#[tokio::test]
async fn the_language_is_the_accounts_unless_the_endpoint_has_one() {
    let configured =
        |language: Value| json!({"_id": "configs_media", "default_language": language});
    let system = BootstrapSettings { default_language: "sv".to_owned(), ..Default::default() };
    let off = || json!({"enabled": false});
    let no_overrides = BootstrapSettings { support_account_overrides: false, ..system.clone() };
    for (device, of_account, configuration, settings, spoken) in [
        (json!({}), json!({}), None, &system, "sv"),
        (json!({}), json!({"language": "fr-FR"}), None, &system, "fr-fr"),
        (json!({}), json!({"language": ""}), None, &system, "sv"),
        (json!({}), json!({}), Some(json!("es-ES")), &system, "es-es"),
        (json!({}), json!({}), Some(json!("0")), &system, "sv"),
        (json!({"language": "DE"}), json!({}), Some(json!("es")), &system, "de"),
        (json!({"language": ""}), json!({"language": "fr"}), None, &system, "fr"),
        // With an endpoint, the account's document goes before its configuration.
        (json!({}), json!({"language": "fr"}), Some(json!("es")), &system, "fr"),
        (off(), json!({"language": "fr"}), Some(json!("es")), &system, "es"),
        (off(), json!({"language": "fr"}), None, &system, "fr"),
        (json!({}), json!({"language": "fr"}), Some(json!("es")), &no_overrides, "fr"),
        (off(), json!({"language": "fr"}), Some(json!("es")), &no_overrides, "sv"),
    ] {
        let mut documents = documents(device.clone(), of_account.clone());
        let more = Map::of(configuration.clone().map(configured));
        documents.documents.extend(more.documents);
        let Bootstrapped::Ready { call, .. } = run(&documents, call(json!({})), settings).await
        else {
            panic!("{device}")
        };
        let language = call.text("Language");
        assert_eq!(language.as_deref(), Some(spoken), "{device} {of_account} {configuration:?}");
    }
}

/// Whatever is looked at when a call is won is looked at again when it is resumed.
#[tokio::test]
async fn what_kazoo_dies_of_again_is_told() {
    let nothing = || json!({});
    for (device, account, fatal) in [
        (nothing(), nothing(), None),
        (json!({"caller_id": "x"}), nothing(), Some("caller_id")),
        (json!({"call_restriction": "deny"}), nothing(), Some("call_restriction")),
        (json!({"services": {"audio": "on"}}), nothing(), Some("audio")),
        (json!({"media": {"encryption": "srtp"}}), nothing(), Some("media.encryption")),
        (json!({"call_waiting": "x"}), nothing(), Some("call_waiting")),
        (json!({"do_not_disturb": "x"}), nothing(), Some("do_not_disturb")),
        (json!({"do_not_disturb": {"enabled": "x"}}), nothing(), None),
        (json!({"call_forward": "x"}), nothing(), Some("call_forward")),
        (nothing(), json!({"call_forward": "x"}), Some("call_forward")),
        // The account is looked at as an endpoint of its own, too.
        (
            json!({"call_forward": {"enabled": true}}),
            json!({"call_forward": "x"}),
            Some("call_forward"),
        ),
        (nothing(), json!({"metaflows": "x"}), Some("metaflows")),
        (nothing(), json!({"enabled": false}), Some("account")),
    ] {
        let documents = documents(device.clone(), account.clone());
        let ready = run(&documents, call(json!({})), &BootstrapSettings::default()).await;
        let Bootstrapped::Ready { fatal_again, .. } = ready else { panic!("{device}") };
        let told = |path: &str| fatal_again.as_ref().is_some_and(|told| told.contains(path));
        assert!(fatal.map_or(fatal_again.is_none(), told), "{device} {account}: {fatal_again:?}");
    }
}

#[tokio::test]
async fn a_refused_call_is_told_in_the_accounts_language() {
    let device = json!({"language": "de", "services": {"audio": {"enabled": false}}});
    let documents = documents(device, json!({"language": "fr-FR"}));
    let refused = run(&documents, call(json!({})), &BootstrapSettings::default()).await;
    let Bootstrapped::Restricted(restriction) = refused else { panic!("{refused:?}") };
    assert_eq!(restriction.language, "fr-fr");
    assert_eq!(restriction.call.text("Language").as_deref(), Some("fr-fr"));
    assert_eq!(restriction.remarks, []);
}

#[tokio::test]
async fn music_encryption_and_privacy_become_channel_variables() {
    for (device, variables, sent) in [
        (
            json!({"music_on_hold": {"media_id": "abc"}}),
            json!({}),
            json!({"Hold-Media": "/c1d00000000000000000000000000001/abc"}),
        ),
        (
            json!({"music_on_hold": {"media_id": "silence_stream://300"}}),
            json!({"Hold-Media": "silence_stream://300"}),
            json!({}),
        ),
        (
            json!({"music_on_hold": {"media_id": "system_media"}}),
            json!({}),
            json!({"Hold-Media": "system_media"}),
        ),
        (
            json!({"music_on_hold": {"media_id": "http://a/b"}}),
            json!({}),
            json!({"Hold-Media": "http://a/b"}),
        ),
        (json!({"music_on_hold": {"media_id": ""}}), json!({}), json!({})),
        (
            json!({"media": {"encryption": {"methods": ["srtp", "dtls"]}}}),
            json!({}),
            json!({"RTP-Secure-Media": "true"}),
        ),
        (
            json!({"media": {"encryption": {"methods": ["zrtp", "srtp", "dtls"]}}}),
            json!({"RTP-Secure-Media": "true"}),
            json!({"ZRTP-Secure-Media": "true", "ZRTP-Enrollment": "true"}),
        ),
        (
            json!({}),
            json!({"Caller-ID-Name": "Sip", "Privacy-Hide-Name": "true", "privacy_mode": "full"}),
            json!({"Privacy-Hide-Name": true, "Privacy-Hide-Number": true, "Caller-ID-Name": null}),
        ),
    ] {
        let documents = documents(device.clone(), json!({}));
        let call = call(json!({"Custom-Channel-Vars": variables}));
        let (_, set, remarks) = ready(&documents, call).await;
        let usual = json!({"Caller-ID-Name": "Sip", "Caller-ID-Number": "+15142221111",
            "Privacy-Hide-Name": false, "Privacy-Hide-Number": false});
        let mut expected = with(usual, sent);
        expected.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        assert_eq!(set, expected, "{device} {variables}");
        assert_eq!(remarks, [""; 0]);
    }
}

#[tokio::test]
async fn what_kazoo_dies_of_is_remarked_upon_and_says_nothing() {
    let dies = "of which KAZOO dies before the call's first node";
    for (device, of_account, remark) in [
        (
            json!({"media": {"encryption": {"methods": "srtp"}}}),
            json!({}),
            format!("`media.encryption.methods` of endpoint `dev` is \"srtp\", {dies}: make it an array such as [\"srtp\"]"),
        ),
        (
            json!({"services": {"audio": "on"}}),
            json!({}),
            format!("`audio` of endpoint `dev` is \"on\", {dies}: make it an object or remove it"),
        ),
        (
            json!({"call_restriction": {"closed_groups": "deny"}}),
            json!({}),
            format!("`call_restriction.closed_groups` of endpoint `dev` is \"deny\", {dies}: make it an object or remove it"),
        ),
        (
            json!({"dial_plan": {"(": {"prefix": "1"}}}),
            json!({}),
            format!("dial_plan[\"(\"]: `(` is not a regular expression: PCRE2: error compiling pattern at offset 1: missing closing parenthesis, {dies}: correct it or remove it"),
        ),
        (
            json!({"caller_id": "x"}),
            json!({}),
            "`caller_id` of the endpoint `dev` is \"x\", of which KAZOO dies when it merges the endpoint: make it an object or remove it".to_owned(),
        ),
        (
            json!({}),
            json!({"enabled": false}),
            "endpoint `c1d00000000000000000000000000001` is disabled, but it is the call's account: KAZOO dies before the call's first node".to_owned(),
        ),
        (
            json!({}),
            json!({"caller_id": 5}),
            "`caller_id` of the account `c1d00000000000000000000000000001` is 5, of which KAZOO dies when it merges the endpoint: make it an object or remove it".to_owned(),
        ),
    ] {
        let (call, _, remarks) = ready(&documents(device.clone(), of_account), call(json!({}))).await;
        assert_eq!(remarks, [remark], "{device}");
        assert_eq!(call.text("Caller-ID-Number").as_deref(), Some("+15142221111"));
    }
}

#[tokio::test]
async fn what_cannot_be_read_counts_as_absent() {
    let all = || documents(json!({"language": "de"}), json!({"language": "fr"}));
    for (unreadable, language, remark) in [
        ("dev", "fr", "document `dev` cannot be read: `dev` cannot be read"),
        (
            ACCOUNT,
            "de",
            "endpoint `c1d00000000000000000000000000001` cannot be read: `c1d00000000000000000000000000001` cannot be read, but it is the call's account: KAZOO dies before the call's first node",
        ),
        (
            "configs_media",
            "de",
            "document `configs_media` cannot be read: `configs_media` cannot be read",
        ),
    ] {
        let (call, _, remarks) = ready(&all().unreadable(unreadable), call(json!({}))).await;
        assert_eq!(remarks, [remark]);
        assert_eq!(call.text("Language").as_deref(), Some(language));
    }
}
