//! The Dockerfile is for those who have Docker; it must know every image that we make.

#[test]
fn the_dockerfile_has_a_stage_for_each_program() {
    let dockerfile =
        std::fs::read_to_string(crate::paths::root().join("Dockerfile")).expect("there is a Dockerfile");
    let flags = super::binaries::FLAGS;
    assert!(dockerfile.contains(flags), "the Dockerfile's builder does not compile with {flags}");
    for program in super::programs() {
        let name = &program.name;
        for line in [
            format!("FROM base AS {name}"),
            format!("COPY --from=build /out/{name} /{name}"),
            format!("ENTRYPOINT [\"/{name}\"]"),
        ] {
            assert!(dockerfile.lines().any(|l| l == line), "the Dockerfile has no line `{line}`");
        }
        assert!(
            dockerfile.contains(&format!("-p {name}")),
            "the Dockerfile's builder does not compile {name}"
        );
    }
}

/// The builder gets what .dockerignore lets through, and Cargo wants every member of the workspace, needed or not.
#[test]
fn docker_gives_the_builder_every_member_of_the_workspace() {
    let read = |file: &str| {
        std::fs::read_to_string(crate::paths::root().join(file)).expect("a file of the repository")
    };
    let manifest = read("Cargo.toml");
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let (members, _) = members.expect("Cargo.toml lists its members");
    let ignored = read(".dockerignore");
    let folders: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(folders.contains(&"xtask"), "the members of the workspace are read: {folders:?}");
    for member in folders {
        let folder = member.split('/').next().unwrap_or(member);
        assert!(
            ignored.lines().any(|line| line == format!("!{folder}")),
            ".dockerignore keeps {member} from the builder: it has no line `!{folder}`"
        );
    }
}
