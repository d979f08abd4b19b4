//! Every kind of finding: name, word, severity and KAZOO's defect behind it; then what it is, what a
//! call does, and what to do about it.

use serde::Serialize;

use super::Severity;

codes! {
    Unreadable = "unreadable", Error, None,
        "a document, view or database that cannot be read",
        "Calls that need it get KAZOO's fault prompt, or go on without it.",
        "Repair or restore it, or let the user of CouchDB read it; the reason is in the problem.";
    SchemaViolation = "schema-violation", Warning, None,
        "a value that the document's schema does not allow",
        "The value is converted where that is possible, and is otherwise taken as absent.",
        "Write a value of the kind the schema asks for.";
    SectionUnusable = "section-unusable", Error, None,
        "a section of the settings that is no object",
        "KAZOO's reader dies of it, so the action ends and the flow goes on unchanged; the worker leaves the section out.",
        "Make the section an object, or remove it.";
    SettingUnusable = "setting-unusable", Error, Some("D15"),
        "a setting that cannot be converted",
        "KAZOO's action dies when it reads it and the flow goes on unchanged; the worker uses KAZOO's default.",
        "Write a value of the right type.";
    UnknownSetting = "unknown-setting", Warning, None,
        "a key that neither KAZOO nor the worker reads",
        "Nothing: what it was meant to change stays as it is.",
        "Correct the spelling, or remove the key.";
    DepartureUnusable = "departure-unusable", Warning, None,
        "a value of `worker` that is not allowed",
        "The value of the preset holds instead.",
        "Use one of the allowed values.";
    NoOverallLimit = "no-overall-limit", Note, Some("D13"),
        "`overall_limit_ms` is 0, as the preset `kazoo` has it (D14 likewise)",
        "An action whose channel vanished without a word can wait for up to a day.",
        "Set `worker.overall_limit_ms`, or use the preset `recommended`.";
    MinOverMax = "min-over-max", Error, None,
        "`min_digits` is larger than `max_digits`",
        "Whatever the caller types is rejected, and the call keeps its own caller ID.",
        "Make `min_digits` no larger than `max_digits`.";
    TimeoutLooksLikeSeconds = "timeout-looks-like-seconds", Warning, Some("D7"),
        "a timeout below 50: it is read as milliseconds",
        "Collection ends almost at once, usually after the first digit, and the number is rejected.",
        "Write milliseconds: 2000 for two seconds.";
    WhitelistInvalid = "whitelist-invalid", Error, Some("D15"),
        "`whitelist_regex` is not a regular expression",
        "KAZOO's action dies after the caller has typed everything; the worker rejects every number.",
        "Correct the expression.";
    WhitelistUnanchored = "whitelist-unanchored", Warning, Some("D11"),
        "`whitelist_regex` matches part of what was typed",
        "Numbers with other keys before or behind the match pass, such as `*13`.",
        "Put `^` in front and `$` behind.";
    WhitelistSlow = "whitelist-slow", Warning, None,
        "`whitelist_regex` needs more steps than the limit",
        "The match is given up and counts as none, so the number is rejected; KAZOO gives up, too, or takes long.",
        "Write it without nested repetition.";
    NumberRuleUnusable = "number-rule-unusable", Error, Some("D15"),
        "a rule for numbers that cannot be used",
        "KAZOO's action dies when a number comes to it; the worker skips the rule.",
        "Correct the expression or the value.";
    PromptMissing = "prompt-missing", Warning, None,
        "a prompt that `system_media` does not have in the system's language",
        "The caller hears nothing where it should be, unless the account has one of its own; manual entry plays the system's only.",
        "Import the prompts, or name one that exists.";
    PromptsNotChecked = "prompts-not-checked", Note, None,
        "there is no `system_media` to look for prompts in, or it may not be read",
        "Nothing is known of the prompts a caller would hear.",
        "Put the database beside the others, check against CouchDB, or let its user read the database.";
    MediaCannotPlay = "media-cannot-play", Error, Some("D8"),
        "`media_id` is neither a path nor an address",
        "It is sent to the switch as it stands and plays nothing: the caller is asked in silence.",
        "Write `/ACCOUNT/MEDIA` or `prompt://system_media/NAME/LANGUAGE`.";
    MediaMissing = "media-missing", Error, None,
        "`media_id` is a path to a document that is not there",
        "The caller is asked in silence.",
        "Upload the media, or correct the path.";
    AcceptPromptCannotPlay = "accept-prompt-cannot-play", Warning, Some("D10"),
        "`accept_prompt` is a name, which is sent to the switch as it stands",
        "The caller hears nothing when the number is taken.",
        "Write an address such as `tone_stream://…` or `prompt://system_media/NAME/LANGUAGE`.";
    PromptLanguage = "prompt-language", Note, Some("D9"),
        "the account speaks another language than the system, and callers type their number",
        "Manual entry asks and rejects in the system's language.",
        "Name a prompt in the account's language as `media_id`.";
    ListNotNamed = "list-not-named", Error, None,
        "a list action that names no list",
        "The caller hears the fault prompt and is hung up on.",
        "Name the list in `data.id`.";
    ListIdDoubtful = "list-id-doubtful", Warning, Some("D32"),
        "`lists` is given an id in more than one place; the first of `_id`, `id`, `ID` counts",
        "Another list than the one in `id` decides the caller ID.",
        "Keep `id` only.";
    ListMissing = "list-missing", Error, None,
        "an action names a list that does not exist",
        "No entry can be found, so the flow goes on with the call unchanged, or ends.",
        "Create the list, or correct `data.id`.";
    ListEmpty = "list-empty", Error, Some("D1"),
        "a list without entries that calls can use",
        "The action dies in KAZOO and the flow goes on with the branch `_` and the call unchanged; without one the call ends.",
        "Add entries, or remove the action.";
    ListHistoric = "list-historic", Warning, None,
        "a list of KAZOO 4.0: its entries stand in the list document and no view shows them",
        "KAZOO since 4.1 finds no entries; the worker's preset `recommended` reads them.",
        "Run KAZOO's migration, or make each entry a document.";
    EntryOrphaned = "entry-orphaned", Note, None,
        "an entry whose list does not exist",
        "None: no action finds it.",
        "Remove it, or correct `list_id`.";
    DuplicateKey = "duplicate-key", Warning, None,
        "a key that an earlier entry of the list has already",
        "The entry is never selected; the one with the lower document id is.",
        "Remove one of the two.";
    MixedKeyLengths = "mixed-key-lengths", Warning, Some("D4"),
        "entries with keys of different lengths in one list",
        "A dialled text shorter than an entry's length ends the search, although a later entry may fit: the caller hears the fault prompt.",
        "Give all keys of the list one length.";
    CaptureShorterThanKey = "capture-shorter-than-key", Warning, Some("D4"),
        "a pattern lets through less than a key of the list is long",
        "The caller hears the fault prompt and is hung up on.",
        "Ask for more digits in the pattern, or shorten the key.";
    EntryCannotMatch = "entry-cannot-match", Error, None,
        "`capture_group_length` is not the length of the key",
        "The entry is never selected by the first digits.",
        "Set it to the number of characters of the key.";
    EntryLengthNegative = "entry-length-negative", Error, Some("D15"),
        "an entry with a negative `capture_group_length`",
        "KAZOO's action dies at this entry; the worker skips it.",
        "Set it to the number of characters of the key.";
    EntryWithoutKey = "entry-without-key", Warning, Some("D3"),
        "an entry without a key",
        "No digits select it; `idx_name` does where its group took no part in the match.",
        "Give it a key, or remove it.";
    KeyNotDigits = "key-not-digits", Warning, None,
        "a key that is not made of digits",
        "Nobody can select the entry by dialling digits.",
        "Use digits.";
    KeysWithoutEntry = "keys-without-entry", Note, Some("D1"),
        "keys that a pattern lets through but no entry has",
        "By the first digits, the flow goes on with the branch `_` and the call unchanged, or ends without one. By `idx_name`, the call goes on with its own caller ID after the reject prompt.",
        "Add entries, let only existing keys through, or put what should happen under `_`.";
    NumberMissing = "number-missing", Warning, Some("D6"),
        "an entry or a static action without a number",
        "The caller hears the reject prompt; the call keeps its own number, which then replaces the configured external one.",
        "Give it a number.";
    NameMissing = "name-missing", Warning, None,
        "an entry or a static action without a name",
        "The callee sees the caller's own name beside the chosen number.",
        "Give it a name.";
    NumberNotDigits = "number-not-digits", Error, None,
        "a caller ID number with other characters than digits and a leading `+`",
        "It is sent as it stands; carriers refuse the call or replace the number.",
        "Write digits only.";
    NumberZero = "number-zero", Warning, Some("D23"),
        "a caller ID number `0`, which KAZOO takes for none",
        "The call is sent as anonymous.",
        "Write a number.";
    NumberNoCarrierAccepts = "number-no-carrier-accepts", Warning, None,
        "a caller ID number that is not a number of the public network",
        "Carriers refuse the call or replace the number.",
        "Write the number as it is dialled from outside, best in E.164.";
    NumberEmergency = "number-emergency", Error, None,
        "a caller ID number that is an emergency number",
        "Carriers refuse the call.",
        "Write the number to show.";
    NameTooLong = "name-too-long", Warning, None,
        "a caller ID name of more than 15 characters",
        "Most networks cut it or show none.",
        "Shorten it to 15 characters.";
    ValueIsNull = "value-is-null", Warning, Some("D24"),
        "JSON's `null`, which KAZOO reads as the text `null`",
        "The callee sees `null`, or no entry is found.",
        "Remove the key.";
    ActionUnknown = "action-unknown", Warning, None,
        "an action that is none of `list`, `lists`, `manual` and `static`",
        "The caller is asked to type a number.",
        "Write one of the four, in lower case.";
    SwitchNotBoolean = "switch-not-boolean", Error, Some("D26"),
        "a switch that is neither `true` nor `false`",
        "KAZOO reads it as `false`: call restrictions are not enforced.",
        "Write `true` or `false`.";
    NoCaptureGroup = "no-capture-group", Error, Some("D5"),
        "a list action that calls reach without a capture group",
        "The caller is asked to type a number instead, and the list is not looked at.",
        "Reach the action by a pattern with a group.";
    CaptureGroupMayBeEmpty = "capture-group-may-be-empty", Warning, Some("D5"),
        "a pattern whose group can be empty",
        "Such a call is asked to type a number instead of using the list.",
        "Make the group take at least one digit.";
    CaptureGroupZero = "capture-group-zero", Note, Some("D23"),
        "a pattern whose group can be just `0`, which KAZOO takes for empty",
        "Such a call is as one without a capture group.",
        "Make the group take at least two digits.";
    CaptureGroupIsWholeNumber = "capture-group-is-whole-number", Warning, None,
        "a pattern without groups leads to an action: the whole number is its capture group",
        "The key begins with the feature code, and the destination contains it.",
        "Put the part that matters in a group.";
    PatternOnlyOptionalGroups = "pattern-only-optional-groups", Warning, Some("D31"),
        "a pattern that matches while none of its groups does",
        "KAZOO's lookup dies, and with it the call; the worker takes it as a match without a group.",
        "Make one group mandatory, or remove the groups.";
    IdxNameNoGroup = "idx-name-no-group", Error, Some("D3"),
        "`idx_name` names no group of a pattern that leads to the action",
        "The first entry without a key is taken, or the call keeps its own caller ID after the reject prompt.",
        "Name a group of the pattern: `(?<NAME>…)`.";
    IdxNameRefused = "idx-name-refused", Error, Some("D2"),
        "`idx_name` on a node that KAZOO runs itself, or with `worker.idx_name` `inverted`",
        "A filled group is refused: the caller hears the fault prompt and is hung up on.",
        "Set `remote_execution` (on 4.3, move the patterns below `kazoo_dynamic_cid`) and leave `worker.idx_name` at `documented`, or remove `idx_name`.";
    IdxNameIgnored = "idx-name-ignored", Warning, None,
        "`idx_name` on another action than `list`",
        "It is not read: the first digits are the key.",
        "Use the action `list`.";
    NamedGroupsRecommended = "named-groups-recommended", Note, None,
        "a remote list action without `idx_name`",
        "Caller ID and destination are right, but Request, To and Callee-ID-Number keep the digits of the key.",
        "Use the action `list` with `idx_name` and a pattern with named groups.";
    DestinationNotRouted = "destination-not-routed", Error, Some("D21"),
        "a manual or static action that nothing follows",
        "The destination is rewritten but never routed: the call ends.",
        "Put a `resources` node, or another that routes, under `_`.";
    RouteMissing = "route-missing", Error, None,
        "a list action, and no callflow takes its destinations",
        "The caller hears that the extension is invalid and is hung up on.",
        "Make a callflow with the number `no_match`.";
    RouteTwice = "route-twice", Warning, None,
        "more than one callflow has the number `no_match`",
        "The one with the lower id is used; the other never.",
        "Keep one.";
    BranchResumes = "branch-resumes", Note, Some("D27"),
        "a list action with something under `_`",
        "After the callflow of the destination has ended, KAZOO goes on with `_` instead of hanging up.",
        "Remove `_`, unless it is for keys without an entry.";
    StaleCaptureGroup = "stale-capture-group", Note, Some("D19"),
        "the callflow of `no_match` has nodes that read the capture group",
        "They see the one from before the branch: the key and the destination.",
        "Use no such nodes behind a list action.";
    PivotFollows = "pivot-follows", Warning, Some("D20"),
        "a `pivot` node behind an action that stores the caller ID",
        "KAZOO cannot write the stored caller ID as JSON: dialling from the pivot fails.",
        "Do not dial from a pivot behind this action.";
    ExternalCallerIdLost = "external-caller-id-lost", Note, Some("D6"),
        "callers type their number, and an endpoint has an external caller ID",
        "When what was typed is rejected, the call goes out with its internal number instead of the configured external one.",
        "Check numbers with `whitelist_regex` rather than relying on the fallback.";
    PatternInvalid = "pattern-invalid", Error, None,
        "a pattern that is not a regular expression",
        "It never matches, and nobody is told.",
        "Correct it, or remove it.";
    PatternNeverMatches = "pattern-never-matches", Warning, None,
        "a pattern that no number matches as KAZOO writes it",
        "Calls meant for it go elsewhere.",
        "Correct it. Numbers are brought into E.164 first, unless they begin with `*`.";
    PatternShadowed = "pattern-shadowed", Warning, None,
        "a pattern that always loses to others, which capture as much or more",
        "Calls meant for it go to the other callflow.",
        "Make one of the two narrower.";
    PatternSlow = "pattern-slow", Warning, None,
        "a pattern that needs more steps than the limit",
        "The match is given up and counts as none.",
        "Write it without nested repetition.";
    FollowingNotFound = "following-not-found", Error, None,
        "what follows a remote node cannot be found",
        "The worker does not choose a caller ID: the call goes on with its own.",
        "Make the action a callflow of its own, entered through a `callflow` node.";
    FollowingAmbiguous = "following-ambiguous", Error, None,
        "several remote nodes with the same data are followed by different nodes",
        "The worker does not choose a caller ID: the call goes on with its own.",
        "Make the action a callflow of its own, or make the nodes' data differ.";
    CallflowMissing = "callflow-missing", Error, None,
        "a `callflow` node leads to a document that does not exist",
        "KAZOO goes on past the node.",
        "Correct the id.";
    OpenToOutsiders = "open-to-outsiders", Warning, Some("D17"),
        "callers without an endpoint can reach a list action, which leads to `no_match`",
        "They are not restricted: whoever calls in can call out at the account's expense.",
        "Make the action reachable by feature codes only, and `disa`, `menu` and hunting not lead to it.";
    EmergencyCallerId = "emergency-caller-id", Warning, Some("D25"),
        "emergency numbers can be dialled through the action",
        "The chosen caller ID replaces the emergency caller ID, and with it the place help is sent to.",
        "Let the pattern take no such short destinations.";
    RestrictionUnusable = "restriction-unusable", Error, Some("D15"),
        "call restrictions or a dial plan of a shape that cannot be read",
        "KAZOO's action dies after the caller ID is set; the worker takes it as no opinion.",
        "Write `{\"CLASS\": {\"action\": \"deny\"}}`.";
    DialPlanNotClassified = "dial-plan-not-classified", Note, Some("D18"),
        "an endpoint with a dial plan of its own, and list actions that enforce restrictions",
        "The restriction is decided without the dial plan, so a short number can pass.",
        "Restrict what the number is without the dial plan, too.";
    TwoNumberRules = "two-number-rules", Note, Some("D22"),
        "an account with a dial plan, and actions with a destination",
        "The callee ID is written by the system's rules and the request by the account's.",
        "Keep the account's dial plan out of numbers that the actions dial.";
    NotOnThisKazoo = "not-on-this-kazoo", Warning, None,
        "a setting that this line of KAZOO does not honour",
        "Nothing: the setting has no effect.",
        "Remove it, or say which KAZOO this is with `--kazoo`.";
}
