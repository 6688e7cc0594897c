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
