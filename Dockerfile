# The worker, and `ampsync migrate` for before it. The last stage holds no
# development package and needs no shell, no root and no writable file system.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/development/package.json ./tools/development/
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools/development/package.json ./tools/development/
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json graphile.config.mjs crontab ./
COPY docs ./docs
COPY sql ./sql
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER 1001:1001
# Replaces the entry point of the base image, which is a shell script. Without a command it is the
# worker; `dist/cli/main.js --help` lists the other commands, such as `migrate` and `sync`.
ENTRYPOINT ["node"]
CMD ["node_modules/graphile-worker/dist/cli.js"]
