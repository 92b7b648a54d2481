//! Fields that 1.28 knows, but whose features are off there: they are dropped, unless
//! the stored object has them already.

use serde_json::Value;

use crate::builtin::workloads::fields::{self, list, list_mut, present};

/// Drops disabled fields of the pod spec at `pointer` (RFC 6901).
pub(in crate::builtin::workloads) fn drop_disabled(
    object: &mut Value,
    pointer: &str,
    stored: Option<&Value>,
) {
    let stored = stored.and_then(|stored| stored.pointer(pointer));
    let Some(spec) = object.pointer_mut(pointer) else {
        return;
    };
    let had = |name: &str| stored.is_some_and(|stored| present(stored, name));
    for name in ["hostUsers", "resourceClaims"] {
        if !had(name) {
            fields::remove(spec, name);
        }
    }
    for sort in ["containers", "initContainers", "ephemeralContainers"] {
        let before = stored.map_or(&[][..], |stored| list(stored, sort));
        let had = |name: &str| before.iter().any(|item| present(item, name));
        let had_below = |of: &str, name: &str| before.iter().any(|item| present(&item[of], name));
        let drop: Vec<_> =
            ["resizePolicy", "restartPolicy"].into_iter().filter(|name| !had(name)).collect();
        for item in list_mut(spec, sort) {
            for name in &drop {
                fields::remove(item, name);
            }
            for (of, name) in [("securityContext", "procMount"), ("resources", "claims")] {
                if let Some(inner) = item.get_mut(of).filter(|_| !had_below(of, name)) {
                    fields::remove(inner, name);
                }
            }
        }
    }
}
