# One builder, and one stage for each image: docker build --target auth -t ghcr.io/orion-platform/auth:0.1.0 .
# `cargo xtask images` makes the same images without Docker.
#
# BuildKit builds it: Docker 23 or newer as it is, 20.10 with DOCKER_BUILDKIT=1. There is no `# syntax` line: what is
# used here is in every BuildKit, and a line would only make each build fetch a frontend from a registry.

FROM rust:1.95-bookworm AS build
WORKDIR /orion
COPY . .
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--icf=all --remap-path-prefix=/usr/local/cargo=/cargo"
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/orion/target \
    cargo build --release --locked --bins --target x86_64-unknown-linux-gnu \
      -p operator -p storekeeper -p auth -p user -p gateway \
    && mkdir /out && cd target/x86_64-unknown-linux-gnu/release && cp operator storekeeper auth user gateway /out/
RUN mkdir -p /rootfs/etc/ssl/certs \
    && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
    && echo "orion:x:65532:65532::/:/sbin/nologin" > /rootfs/etc/passwd \
    && echo "orion:x:65532:" > /rootfs/etc/group

FROM scratch AS base
COPY --from=build /rootfs/ /
ENV PATH=/
USER 65532:65532

FROM base AS operator
COPY --from=build /out/operator /operator
ENTRYPOINT ["/operator"]

FROM base AS storekeeper
COPY --from=build /out/storekeeper /storekeeper
ENTRYPOINT ["/storekeeper"]

FROM base AS auth
COPY --from=build /out/auth /auth
ENTRYPOINT ["/auth"]

FROM base AS user
COPY --from=build /out/user /user
ENTRYPOINT ["/user"]

FROM base AS gateway
COPY --from=build /out/gateway /gateway
ENTRYPOINT ["/gateway"]
