# The development image of `sync`: the compiler with the sources in it, as the documentation of Compose's `watch` has it.
ARG RUST_IMAGE
FROM ${RUST_IMAGE}
WORKDIR /workspace
COPY . .
