-- One row per connection of a client.
create or replace view ampsync.sessions as
select s.client_id,
       c.subject,
       c.tenant,
       c.phase,
       g.address as gateway,
       s.connected_at,
       s.seen_at,
       jsonb_array_length(s.shapes) as shapes,
       (select count(*) from jsonb_array_elements(s.shapes) e(answer) where e.answer ->> 'mode' = 'load') as loads,
       s.sent,
       s.acked,
       s.buffered,
       s.unacked,
       s.frames,
       s.bytes,
       s.rate as bytes_per_s,
       s.generation,
       s.gateway_id
  from ampsync_private.session s
  join ampsync_private.client c using (client_id)
  left join ampsync_private.gateway g using (gateway_id);

comment on view ampsync.sessions is 'One row per connection of a client.';
comment on column ampsync.sessions.client_id is 'The client, as in ampsync.clients.';
comment on column ampsync.sessions.subject is 'Whose client it is.';
comment on column ampsync.sessions.tenant is 'The tenant that its token names.';
comment on column ampsync.sessions.phase is 'loading or live.';
comment on column ampsync.sessions.gateway is 'Address of its gateway.';
comment on column ampsync.sessions.connected_at is 'When it was opened.';
comment on column ampsync.sessions.seen_at is 'When its gateway last reported it.';
comment on column ampsync.sessions.shapes is 'How many shapes it asked for.';
comment on column ampsync.sessions.loads is 'How many of them it was told to load when it last asked.';
comment on column ampsync.sessions.sent is 'The position of the newest frame that was sent.';
comment on column ampsync.sessions.acked is 'The position of the newest frame that the client has stored.';
comment on column ampsync.sessions.buffered is 'Bytes that the gateway holds for it.';
comment on column ampsync.sessions.unacked is 'Bytes that were sent and not acknowledged.';
comment on column ampsync.sessions.frames is 'Frames that were sent.';
comment on column ampsync.sessions.bytes is 'Bytes that were sent.';
comment on column ampsync.sessions.bytes_per_s is 'Bytes a second between the last two heartbeats.';
comment on column ampsync.sessions.generation is 'Which session of its client it is: each has a higher one.';
comment on column ampsync.sessions.gateway_id is 'Its gateway, as in ampsync.gateways.';
