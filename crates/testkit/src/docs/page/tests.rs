#![allow(clippy::unwrap_used)]

use super::*;

fn refused(markdown: &str) -> String {
    Page::read(markdown).unwrap_err().to_string()
}

fn runs(page: &Page) -> Vec<(usize, &str, Option<&str>)> {
    let steps = page.steps.iter().filter_map(|step| match &step.action {
        Action::Run { commands, expected, .. } => {
            Some((step.line, commands.as_str(), expected.as_deref()))
        }
        Action::Write { .. } | Action::Watch { .. } => None,
    });
    steps.collect()
}

#[test]
fn text_below_commands_is_what_they_print() {
    let page = Page::read("# A\n```sh\necho a\n```\nIt prints:\n```text\na\n```\n").unwrap();
    assert_eq!(runs(&page), [(2, "echo a\n", Some("a\n"))]);
    assert_eq!(page.runs(), 1);
}

#[test]
fn a_transcript_is_one_step_for_each_command() {
    let page =
        Page::read("<!-- run: exit 2 -->\n```console\n$ a \\\n> b\nout\n$ c\n```\n").unwrap();
    assert_eq!(runs(&page), [(3, "a \\\nb\n", Some("out\n")), (6, "c\n", None)]);
    assert_eq!(page.steps.iter().map(|step| step.way.exit).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn a_block_in_a_list_is_run_without_its_indentation() {
    let page = Page::read("1. First:\n   ```sh\n   cat <<E\n     x\n   E\n   ```\n").unwrap();
    assert_eq!(runs(&page), [(2, "cat <<E\n  x\nE\n", None)]);
}

#[test]
fn what_is_left_out_is_listed_with_its_reason_and_prints_nothing() {
    let markdown = "<!-- not run: needs a disk -->\n```sh\nmkfs\n```\n```text\ndone\n```\n";
    let page = Page::read(markdown).unwrap();
    assert_eq!(page.steps, []);
    let reason = "needs a disk".to_owned();
    let expected = LeftOut { line: 2, what: "mkfs".to_owned(), reason, commands: true };
    assert_eq!(page.left_out, [expected]);
}

#[test]
fn hidden_commands_run_where_they_say() {
    let markdown = "<!-- machines: a 10.0.0.1, b 10.0.0.2 -->\n\n<!-- hidden on b\nls\n-->\n\
        ```sh\npwd\n```\n";
    let page = Page::read(markdown).unwrap();
    let machines: Vec<_> = page.steps.iter().map(|step| step.way.on.as_str()).collect();
    assert_eq!(machines, ["b", "a"]);
    assert_eq!(page.runs(), 1);
}

#[test]
fn what_goes_on_is_looked_at_later() {
    let start = "<!-- run: background -->\n```sh\nserve\n```\n";
    let look = "<!-- background -->\n```text\nready\n```\n";
    let page = Page::read(&format!("{start}{look}")).unwrap();
    assert_eq!(page.steps[1].action, Action::Watch { expected: "ready\n".to_owned() });
    assert_eq!(refused(look), "line 2: nothing runs there in the background");
}

#[test]
fn a_block_may_be_a_file() {
    let page = Page::read("<!-- file: a.yaml -->\n```yaml\na: 1\n```\n").unwrap();
    let action = Action::Write { path: "a.yaml".to_owned(), text: "a: 1\n".to_owned() };
    assert_eq!(page.steps[0].action, action);
}

#[test]
fn what_is_neither_run_nor_marked_is_refused() {
    let refusals = [
        ("```\nls\n```\n", "line 1: a block without a language is neither run nor marked"),
        ("a\n\n    ls\n", "line 3: a block without a language is neither run nor marked"),
        ("```shell\nls\n```\n", "line 1: the language \"shell\" is not known"),
        ("a\n\n```text\nx\n```\n", "line 3: nothing above prints this; see `illustration`"),
        ("<!-- notrun: x -->\n", "line 1: no mark begins with \"notrun\"; for editors: `note: …`"),
        ("<!-- not run: x -->\n```yaml\na: 1\n```\n", "line 2: `not run` is for commands"),
        ("<!-- run: on b -->\n```sh\nls\n```\n", "line 2: no machine is called \"b\""),
        ("<!-- run: until -->\n\nThe end.\n", "line 3: the last mark has no block"),
        ("```console\nls\n```\n", "line 1: a transcript begins with `$ `"),
    ];
    for (markdown, why) in refusals {
        assert_eq!(refused(markdown), why, "{markdown}");
    }
}

#[test]
fn two_texts_for_one_command_are_refused() {
    let markdown = "```sh\nls\n```\n```text\na\n```\n```text\nb\n```\n";
    assert_eq!(refused(markdown), "line 7: nothing above prints this; see `illustration`");
}
