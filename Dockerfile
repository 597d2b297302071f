# syntax=docker/dockerfile:1
# One image for every process of Tidemark: what SERVICE_TYPE says by default (`tidemark run`), `node dist/cli.js starter`, `migrate`, … as the command.
# Debian, because Temporal's SDK has no build for musl (Alpine). Give it an init (`docker run --init`, `init: true`).

FROM node:22.22.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build

FROM node:22.22.2-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name '*-linux-gnu' -exec rm -r {} +

FROM node:22.22.2-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
# A named volume takes over the owner of the folder it is mounted on.
RUN install --directory --owner=node --group=node /var/lib/tidemark /var/lib/tidemark/blobs
COPY --from=dependencies /app/node_modules node_modules
COPY package.json temporal.toml ./
COPY migrations migrations
COPY --from=build /app/dist dist
USER node
ENV TIDEMARK_BLOBS=/var/lib/tidemark/blobs
STOPSIGNAL SIGTERM
# What SERVICE_TYPE says; without it, server, worker and starter in one process.
CMD ["node", "dist/cli.js", "run"]
