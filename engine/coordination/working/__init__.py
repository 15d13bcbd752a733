"""Tasks: each is one key, every step of it a compare-and-set, so that an end is written by the newest attempt alone.

task, lifecycle, waiting    pure: the values, the steps from asked for to ended, which one is next
task_book                   tasks as keys
tasks                       as people and programs ask for them: the way in
pool, attempting            workers: who takes what, and one attempt from its beginning to its end
handling                    what does the work, and what becomes of its answers
commands, running           tasks that run programs
"""
