//! Kaloom's dialect: `[{"name": "green", "ifMac": "02:…", "isPrimary": false, …}]`.

use super::element::{Element, array};
use super::{AnnotationError, Dialect, Request};

/// Reads the annotation. `upperLayers` is for the pod's application and means nothing here.
pub(super) fn parse(text: &str) -> Result<Vec<Request>, AnnotationError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let values = array(Dialect::Kaloom, text)?;
    let requests = values.iter().enumerate().map(|(position, value)| {
        let element = Element::new(Dialect::Kaloom, position, value)?;
        let request = Request { mac: element.parsed("ifMac")?, ..element.request()? };
        // Both are read before either decides: an entry that is skipped must be valid, too.
        let (primary, skip) = (element.flag("isPrimary")?, element.flag("podagentSkip")?);
        Ok((!primary && !skip).then_some(request))
    });
    requests.filter_map(Result::transpose).collect()
}
