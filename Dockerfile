# The worker, and `ampsync migrate` for before it. The last stage holds no
# development package and needs no shell, no root and no writable file system.
#
# A tag can move; an image with its digest cannot: --build-arg NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/development/package.json ./tools/development/
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/development/package.json ./tools/development/
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
# The health port can be reached from other containers, and on the host where it is published.
ENV NODE_ENV=production HEALTH_HOST=0.0.0.0 HEALTH_PORT=8080
WORKDIR /app
COPY package.json graphile.config.mjs crontab ./
COPY docs ./docs
COPY sql ./sql
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER 1001:1001
# Of a worker: whether its event loop turns, for what restarts a container. Whether its tables move is `health`
# without --live: restarting the worker mends no table.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "dist/cli/main.js", "health", "--live"]
# Replaces the entry point of the base image, which is a shell script. Without a command it is the
# worker; `dist/cli/main.js --help` lists the other commands, such as `migrate` and `sync`.
ENTRYPOINT ["node"]
CMD ["dist/cli/main.js", "worker"]
