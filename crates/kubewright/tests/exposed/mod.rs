//! What a process exposes, compared with the reference.

/// Every metric that a process serves has a row in docs/reference/metrics.md, of its type and with
/// each of its labels.
pub(crate) fn assert_in_reference(exposed: &str) {
    let pages = kubewright::generated::files().unwrap();
    let page =
        pages.into_iter().find(|(path, _)| path.ends_with("reference/metrics.md")).unwrap().1;
    let (mut row, mut seen) = ("", 0);
    for line in exposed.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' ')) {
            let ending = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let start = format!("| `{name}{ending}` | {kind} |");
            row = page
                .lines()
                .find(|line| line.starts_with(&start))
                .unwrap_or_else(|| panic!("{start}"));
            seen += 1;
        } else if let Some((_, labels)) = line.split_once('{') {
            let mut texts = labels.split('"');
            while let (Some(label), Some(value)) = (texts.next(), texts.next()) {
                let label = label.trim_matches([',', '=']);
                if label != "le" {
                    assert_listed(row, label, value);
                }
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

/// A label is in the row, and its value too, unless a word in capitals stands for any.
fn assert_listed(row: &str, label: &str, value: &str) {
    let start = format!("`{label}` (");
    let known = row.split_once(&start).unwrap_or_else(|| panic!("no label {label}: {row}")).1;
    let known = known.split(')').next().unwrap();
    let any = !known.contains(|c: char| c.is_ascii_lowercase());
    assert!(any || known.contains(&format!("`{value}`")), "{label} has no value {value}: {row}");
}
