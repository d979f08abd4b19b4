use super::*;

#[test]
fn the_process_and_its_surroundings_are_rendered() {
    let metrics = Metrics::new();
    metrics.session(&SessionState::Up { broker: "b".to_owned() });
    metrics.queue_messages("execute", Some(7));
    metrics.queue_messages("held", Some(1));
    metrics.queue_messages("held", None);
    metrics.database_asked("view", "ok", 0.02);
    metrics.selected("a", "l", "01");
    let text = metrics.render();
    for line in [
        "kazoo_dynamic_cid_amqp_state{state=\"up\"} 1",
        "kazoo_dynamic_cid_amqp_state{state=\"starting\"} 0",
        "kazoo_dynamic_cid_queue_messages{queue=\"execute\"} 7",
        "kazoo_dynamic_cid_couchdb_request_seconds_bucket{le=\"0.025\",kind=\"view\",outcome=\"ok\"} 1",
        "kazoo_dynamic_cid_list_selections_total{account=\"a\",list=\"l\"} 1",
        "kazoo_dynamic_cid_build_info{version=",
        "process_open_fds ",
        "process_max_fds ",
        "process_cpu_seconds_total ",
        "process_start_time_seconds ",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("queue=\"held\""), "{text}");
    let resident =
        text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    assert!(resident.unwrap().parse::<f64>().unwrap() > 1_000_000.0, "{text}");
}

#[test]
fn what_happened_is_rendered() {
    let metrics = Metrics::new();
    metrics.decided("static", "continue", "static");
    metrics.answered("static", "static", 0.0004);
    metrics.rejected("not_json");
    metrics.in_flight.set(3);
    let text = metrics.render();
    for line in [
        "kazoo_dynamic_cid_calls_total{mode=\"static\",outcome=\"continue\",reason=\"static\"} 1",
        "kazoo_dynamic_cid_answers_total{answer=\"static\"} 1",
        "kazoo_dynamic_cid_rejected_messages_total{reason=\"not_json\"} 1",
        "kazoo_dynamic_cid_in_flight 3",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}
