//! Warnings for the client of a request, collected from wherever they come up while the
//! request is answered, as `k8s.io/apiserver/pkg/warning` does.

use std::cell::RefCell;

/// Characters that all warnings of an answer may have together; beyond that each is cut.
const TOTAL: usize = 4 * 1024;

/// Characters of a warning that is cut.
const ITEM: usize = 256;

tokio::task_local! {
    static WARNINGS: RefCell<Vec<String>>;
}

/// Runs what answers a request; returns the answer and what its client is to be warned of.
pub(crate) async fn recorded<T>(answer: impl Future<Output = T>) -> (T, Vec<String>) {
    let recorded = async {
        let answer = answer.await;
        (answer, WARNINGS.with(RefCell::take))
    };
    let (answer, warnings) = WARNINGS.scope(RefCell::default(), recorded).await;
    (answer, limited(warnings))
}

/// Warns the client of the request that is being answered; outside of one nobody hears it.
pub(crate) fn add(text: impl Into<String>) {
    let text = text.into();
    let _ = WARNINGS.try_with(|warnings| {
        let mut warnings = warnings.borrow_mut();
        if !text.is_empty() && !warnings.contains(&text) {
            warnings.push(text);
        }
    });
}

/// Long warnings are cut where all together would be too long, and what is left over goes.
fn limited(warnings: Vec<String>) -> Vec<String> {
    let length = |text: &String| text.chars().count();
    if warnings.iter().map(length).sum::<usize>() <= TOTAL {
        return warnings;
    }
    let cut = warnings.into_iter().map(|text| text.chars().take(ITEM).collect::<String>());
    let mut left = TOTAL;
    cut.take_while(|text| {
        let fits = length(text) <= left;
        left = left.saturating_sub(length(text));
        fits
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_hears_each_of_its_warnings_once() {
        add("nobody hears this");
        let ((), warnings) = recorded(async {
            add("careful");
            tokio::task::yield_now().await;
            add("careful");
            add("really");
        })
        .await;
        assert_eq!(warnings, ["careful", "really"]);
    }

    #[test]
    fn too_much_is_cut() {
        let long = vec!["é".repeat(300); 20];
        let cut = limited(long);
        assert_eq!(cut.len(), TOTAL / ITEM);
        assert!(cut.iter().all(|text| text.chars().count() == ITEM));
        assert_eq!(limited(vec!["é".repeat(300)]).len(), 1);
    }
}
