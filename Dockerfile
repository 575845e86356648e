# The image: a builder with the whole toolchain, then a slim runtime with node, the compiled control
# logic, the add-on with its eBPF programs inside, and the libraries the add-on links.
#
#   docker build -t sluice .
#   docker run --rm sluice doctor
#
# Runs as user 10001 without privileges: rungs 2 and 3. Rung 1 (capture with eBPF) needs
# capabilities and a cgroup that sluice may make children in:
#
#   docker run --rm --cap-add BPF --cap-add NET_ADMIN --cgroupns=host \
#     -v /sys/fs/cgroup:/sys/fs/cgroup:rw --user 0 sluice run -- CMD
#
#   CAP_BPF         load the programs and make their maps
#   CAP_NET_ADMIN   attach them to a cgroup and to the network namespace
#   CAP_SYS_ADMIN   optional: a private mount namespace, in which the names of the mesh resolve
FROM node:20-bookworm AS builder
WORKDIR /sluice
COPY package.json package-lock.json .npmrc ./
COPY scripts/setup scripts/setup
RUN scripts/setup
COPY . .
RUN scripts/build && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim AS capable
# File capabilities make node able to have what the container was given, also as another user.
# "Effective, permitted" only: nothing is inherited by the commands that sluice runs.
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends libcap2-bin \
  && cp /usr/local/bin/node /node-for-ebpf \
  && setcap cap_bpf,cap_net_admin+ep /node-for-ebpf

FROM node:20-bookworm-slim
RUN apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends libbpf1 libprotobuf-lite32 libre2-9 \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin sluice
WORKDIR /opt/sluice
COPY --from=builder /sluice/package.json /sluice/LICENSE ./
COPY --from=builder /sluice/node_modules node_modules
COPY --from=builder /sluice/dist/src dist/src
COPY --from=builder /sluice/native/build/Release/dataplane.node native/build/Release/dataplane.node
# For a container that has the capabilities, a delegated cgroup, and should not be root:
# --entrypoint /opt/sluice/node-for-ebpf sluice /opt/sluice/dist/src/main.js run -- CMD
# A binary of its own, because one with file capabilities does not start where they are not allowed.
COPY --from=capable /node-for-ebpf node-for-ebpf
USER 10001
ENTRYPOINT ["node", "/opt/sluice/dist/src/main.js"]
CMD ["--help"]
