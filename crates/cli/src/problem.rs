//! What went wrong, in one line that says what to do.

use anyhow::{Error, anyhow};

/// `doing` is what was tried, as in "list platforms".
pub(crate) fn explain(doing: &str) -> impl Fn(kube::Error) -> Error + '_ {
    move |error| anyhow!(line(doing, &error))
}

fn line(doing: &str, error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 401 => {
            format!(
                "can't {doing}: the cluster does not take these credentials: log in anew, or choose another --context"
            )
        }
        kube::Error::Api(status) if status.code == 403 => format!(
            "can't {doing}: no right to ({}): ask for it, or choose another --context or --namespace",
            status.message
        ),
        kube::Error::Api(status) => format!("can't {doing}: {}", status.message),
        kube::Error::SerdeError(cause) => {
            format!(
                "can't {doing}: the answer has another form ({cause}): use the orion of the operator's version"
            )
        }
        other => format!(
            "can't {doing}: no answer from the cluster ({}): is it up, and is it the right --context?",
            root(other)
        ),
    }
}

/// On a list of platforms: 404 means that their definition is missing.
pub(crate) fn explain_list(error: kube::Error) -> Error {
    match &error {
        kube::Error::Api(status) if status.code == 404 => anyhow!(
            "this cluster does not know OrionPlatforms: install the operator first, with `kubectl apply --server-side -f manifests/install.yaml` or its Helm chart"
        ),
        _ => explain("list platforms")(error),
    }
}

fn root(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::{explain, explain_list};
    use kube::core::Status;

    fn refused(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(Status::failure("so it is", "Because").with_code(code)))
    }

    #[test]
    fn each_error_is_one_line_that_says_what_to_do() {
        assert!(explain_list(refused(404)).to_string().contains("install the operator first"));
        assert!(explain_list(refused(403)).to_string().contains("ask for it"));
        assert!(explain("read pods")(refused(401)).to_string().starts_with("can't read pods: "));
        assert_eq!(explain("read pods")(refused(500)).to_string(), "can't read pods: so it is");
    }
}
