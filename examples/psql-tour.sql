-- A tour of ampsync in psql. Begin with an empty database, a worker and an Amp server:
--
--   ampsync devserver generated                   -- serves a dataset that is called anvil
--   ampsync migrate && ampsync worker             -- with DATABASE_URL
--   psql "$DATABASE_URL"                          -- then paste what follows, piece by piece
--
-- Repeat a query until it shows what its comment says: workers need a second or two. Some statements fail,
-- to show how: read their HINT. A test runs the whole tour and every HINT.

-- ## Is everything there?

select ampsync.version();
select severity, finding, fix from ampsync.doctor();

-- ## What would happen

-- The first call has a worker ask the server; call it again for the answer.
select * from ampsync.explain_sync('anvil');
select * from ampsync.explain_sync('anvil'); -- again

-- ## Begin

select * from ampsync.enqueue_sync('anvil', tables => '{blocks,logs}', from_block => 100);

-- What moves, and what does not?
select dataset, version, state, waiting_on from ampsync.status;
select table_name, state, block, head, reason from ampsync.streams;
select table_name, phase, blocks_done, blocks_total, eta from ampsync.progress;

-- Wait until both tables hold block 900, then read. An ordinary table:
select ampsync.wait_for_block('anvil', 900, timeout => '60 s');
select _block_num, encode(hash, 'hex') as hash from anvil.blocks order by _block_num desc limit 3;

-- Tables of one dataset move each on its own. The block at which they agree:
select b._block_num, count(*) as logs
  from anvil.blocks b
  join anvil.logs l using (_block_num)
 where b._block_num <= (select ampsync.cut('anvil'))
   and l._block_num <= (select ampsync.cut('anvil'))
 group by 1
 order by 1 desc
 limit 3;

-- ## Change your mind

-- Another table, another index, fewer questions about new versions:
select * from ampsync.alter_sync('anvil', tables => '{blocks,logs,transactions}');
select * from ampsync.alter_sync('anvil', indexes => '{"logs": [["address", "_block_num desc"]]}');
select * from ampsync.alter_sync('anvil', poll_interval => '30 s');
select ampsync.wait_for_block('anvil', 900, timeout => '60 s');
select table_name, index, state from ampsync.indexes;

-- Some things cannot be changed. The HINT says what can be done instead.
select * from ampsync.alter_sync('anvil', target_schema => 'eth');
select * from ampsync.alter_sync('anvil', value_policy => 'ignore');
select * from ampsync.enqueue_sync('Anvil');
select * from ampsync.enqueue_sync('anvil@1.0');
select * from ampsync.pause_sync('unknown');

-- Stop, and go on:
select * from ampsync.pause_sync('anvil');
select table_name, state, hint from ampsync.streams;
select * from ampsync.resume_sync('anvil');

-- ## Trust, but verify

select * from ampsync.verify('anvil');

-- Lose some rows:
delete from anvil.logs where _block_num between 990 and 999;
select table_name, finding, first_block, last_block, detail from ampsync.verify('anvil', 'logs');

-- Fetch just those blocks again:
select ampsync.repair('anvil', 'logs', 990, 999);
select ampsync.repair('anvil', 'logs', 0, 50);
select table_name, from_block, to_block, state, reason from ampsync.repairs;
select * from ampsync.verify('anvil', 'logs'); -- no row, once the repair is done

-- Or load a table again, beside the old rows, from the first block. Readers see the old rows until it is done.
select * from ampsync.resync('anvil', 'logs', from_block => 0);

-- ## When something is wrong

-- Somebody drops a table:
drop table anvil.transactions;
select table_name, state, reason, hint from ampsync.streams where table_name = 'transactions';

-- ## What happened?

select event, table_name, details from ampsync.events order by event_id desc limit 5;
select table_name, version, first_block from ampsync.version_history;
-- A new version of the dataset is followed by itself; one with other columns is refused, and taken by
-- ampsync.resync. That could be taken back. Nothing of it happened here:
select * from ampsync.rollback_version('anvil');

-- ## The end

-- The tables stay, unless drop_tables says otherwise.
select * from ampsync.drop_sync('anvil');
select count(*) > 0 as kept from anvil.blocks;

-- Enqueued again it would want its tables back, but does not touch what it does not know:
select * from ampsync.enqueue_sync('anvil', tables => '{blocks}');
drop schema anvil cascade;
