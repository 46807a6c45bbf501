-- One row per shape.
create or replace view ampsync.shapes as
select s.name, format('%I.%I', p.schema_name, p.table_name) as table_name, d.label as dataset, s.bind, s.filter,
       s.columns, s.keep_blocks, s.low, s.public, s.unindexed, s.rls, s.definition,
       case when e.error is null then 'live' else 'failed' end as state, s.since,
       coalesce(c.clients, 0) as clients, coalesce(c.instances, 0) as instances, n.rows,
       case when e.error is not null then e.error ->> 'message'
            when p.state = 'starting' then 'its table is not live yet' end as reason,
       case when e.error is not null then e.error ->> 'hint'
            when p.state = 'starting' then 'select * from ampsync.publications;' end as hint
  from ampsync_private.shape s
  join ampsync_private.published p using (published_id)
  left join ampsync_private.stream t using (stream_id)
  left join ampsync_private.dataset d using (dataset_id)
 cross join lateral ampsync_private.shape_error(s, p) e(error)
  left join (select (w.wish ->> 'shape_id')::integer as shape_id, count(distinct o.client_id) as clients,
                    count(distinct k.key) as instances
               from ampsync_private.session o
              cross join jsonb_array_elements(o.shapes) w(wish)
               left join jsonb_array_elements_text(case jsonb_typeof(w.wish -> 'keys') when 'array'
                                                   then w.wish -> 'keys' end) k(key) on true
              where w.wish ->> 'mode' <> 'failed'
              group by 1) c using (shape_id)
  left join (select l.shape_id, l.definition, sum(l.rows)::bigint as rows
               from (select distinct on (i.shape_id, i.definition, i.key) i.shape_id, i.definition, i.rows
                       from ampsync_private.snapshot i
                      where i.state = 'ready'
                      order by i.shape_id, i.definition, i.key, i.position desc) l
              group by l.shape_id, l.definition) n on n.shape_id = s.shape_id and n.definition = s.definition;

comment on view ampsync.shapes is 'Shapes: the rows of published tables that clients may subscribe to.';
comment on column ampsync.shapes.name is 'By which clients ask for it.';
comment on column ampsync.shapes.table_name is 'schema.table.';
comment on column ampsync.shapes.dataset is 'The dataset that the table belongs to; null for others.';
comment on column ampsync.shapes.bind is 'Columns whose values come from the token or the wish of a client.';
comment on column ampsync.shapes.filter is 'The condition on its rows, as PostgreSQL understood it.';
comment on column ampsync.shapes.columns is 'What clients have of the table; null: all columns.';
comment on column ampsync.shapes.keep_blocks is 'How many of the newest blocks it holds; null: all.';
comment on column ampsync.shapes.low is 'The first block that it holds; null: it holds all.';
comment on column ampsync.shapes.public is 'Whether it may bind no claim: everybody with a token sees it.';
comment on column ampsync.shapes.unindexed is 'Whether its instances may be read without an index.';
comment on column ampsync.shapes.rls is 'ignore: it may be public though its table has row level security.';
comment on column ampsync.shapes.definition is 'The hash of all this: clients of another one load the shape anew.';
comment on column ampsync.shapes.state is 'live, failed.';
comment on column ampsync.shapes.since is 'When it was defined as it is, or failed.';
comment on column ampsync.shapes.clients is 'Clients that are connected and have it.';
comment on column ampsync.shapes.instances is 'How many different instances these have.';
comment on column ampsync.shapes.rows is 'Rows of its instances as snapshots read them last; null if none did.';
comment on column ampsync.shapes.reason is 'Why it gives no rows; null if it does.';
comment on column ampsync.shapes.hint is 'The statement that tells more, or puts it right.';
