# One image for the gateway, the worker and the migrations; docker-compose.yml shows how each is started.
FROM debian:bookworm-slim AS agent
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY agent /agent
RUN gcc -std=gnu11 -O2 -D_GNU_SOURCE -static -s -o /tollbox-agent /agent/*.c

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev
COPY . .
RUN node scripts/build.mjs

FROM node:20-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:20-bookworm-slim
ENV NODE_ENV=production NODE_OPTIONS=--enable-source-maps SANDBOX_AGENT_FILE=/app/tollbox-agent
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=agent /tollbox-agent tollbox-agent
COPY package.json ./
COPY prisma/migrations prisma/migrations
USER node
EXPOSE 4020
CMD ["node", "dist/apps/gateway/src/main.js"]
