-- Says on a new target what ampsync does with it and what its columns of ours mean, so that
-- `\d+` explains the table.
create or replace function ampsync_private.comment_target(
  p_target        regclass,
  p_has_block_num boolean,
  p_identity      text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_column record;
begin
  execute format('comment on table %s is %L', p_target, 'Kept in sync by ampsync; see ampsync.streams.');

  for v_column in
    select c.name, c.meaning
      from (values (case when p_identity = 'content' then '_id' end,
                    'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.'),
                   (case when p_identity = 'transaction' then '_tx_id' end,
                    'The microbatch that brought the row; rises, and is never used again.'),
                   (case when p_identity = 'transaction' then '_row_index' end,
                    'Position of the row in its microbatch, from 0. With _tx_id the key of the row.'),
                   ('_block_num_start', case when p_has_block_num then 'Block of the row, as in _block_num.'
                                             else 'First block that the row can belong to.' end),
                   ('_block_num_end', case when p_has_block_num then 'Block of the row, as in _block_num.'
                                           else 'Last block that the row can belong to.' end),
                   (case when p_has_block_num then '_block_num' end, 'Block of the row.')) c(name, meaning)
     where c.name is not null
  loop
    execute format('comment on column %s.%I is %L', p_target, v_column.name, v_column.meaning);
  end loop;
end;
$$;

comment on function ampsync_private.comment_target(regclass, boolean, text)
  is 'Comment a new target and the columns that ampsync adds to it.';
