"""Which tests are slow, and which ones CI may skip."""

import re

SLOW = {
    "hub/test_space_faults.py::test_a_deployment_that_breaks_off_again_and_again_goes_on_each_time",
    "space/test_bundle.py::test_the_page_opens_from_what_a_space_gets",
    "test_bundled.py::test_it_writes_words_of_its_text",
    "test_saving.py::test_a_process_that_is_killed_while_it_writes_leaves_the_old_model",
    "test_package.py::test_a_command_without_its_libraries_says_what_to_install",
    "test_scripts.py::test_a_missing_device_is_a_warning",
    "test_scripts.py::test_a_preset_that_counts_on_teachers_says_so_where_there_are_none",
    "test_scripts.py::test_generating_continues_the_start_and_repeats_with_a_seed",
    "test_scripts.py::test_generating_into_a_pipe_that_closes_is_silent",
    "test_scripts.py::test_importing_a_seed_checkpoint_keeps_the_logits",
    "test_scripts.py::test_minutes_alone_decide",
    "test_scripts.py::test_no_terminal_and_no_pipe_ends_a_run",
    "test_scripts.py::test_presets_give_what_the_flags_leave_open",
    "test_scripts.py::test_training_prints_the_seeds_line_a_sample_and_the_verdict",
    "training/test_distillation.py::test_a_student_comes_to_say_what_its_teacher_says",
    "training/test_distillation.py::test_the_command",
    "training/test_distributed.py::test_a_process_that_fails_leaves_the_word_to_the_first",
    "training/test_distributed.py::test_ctrl_c_stops_a_team_which_goes_on_later",
    "training/test_distributed.py::test_together_they_stop_at_an_error_and_resume_what_one_began",
    "training/test_distributed.py::test_two_processes_train_the_model_that_one_trains",
    "training/test_hardware.py::test_bfloat16_trains_to_about_the_same_loss",
    "training/test_hardware.py::test_settling_leaves_nothing_open_and_the_model_alone",
    "training/test_loss_curve.py::test_only_drawing_imports_matplotlib_and_never_pyplot",
    "training/test_resume.py::test_a_full_disk_keeps_the_last_good_state",
    "training/test_resume.py::test_a_killed_run_goes_on_to_the_same_weights",
    "training/test_resume.py::test_a_run_goes_on_with_the_arithmetic_it_began_with",
    "training/test_resume.py::test_ctrl_c_saves_and_says_how_to_go_on",
    "training/test_resume.py::test_resuming_a_run_that_was_killed_before_it_saved_anything",
    "training/test_run_folder.py::test_float16_halves_the_file_and_keeps_the_loss",
    "training/test_run_folder.py::test_snapshots_are_model_folders_with_their_own_loss",
    "training/test_tracking.py::test_trackio_itself_keeps_a_run_and_goes_on_with_it",
    "training/test_trainer.py::test_a_loss_that_explodes_stops_the_run",
    "training/test_trainer.py::test_events_come_in_order_and_loss_falls",
    "training/test_trainer.py::test_looking_does_not_change_the_training",
    "training/test_trainer.py::test_one_seed_one_model",
    "training/test_trainer.py::test_snapshots_of_a_run_by_the_clock_are_even_in_the_logarithm_too",
    "training/test_trainer.py::test_the_best_weights_are_the_ones_kept",
}
"""Tests that take seconds each, since they train or start processes: `slow`, beside those that are marked so."""

MAY_SKIP = re.compile(
    "needs a GPU|needs HF_TOKEN|is not on this machine|this torch has no Muon|needs TransformerLens|no git checkout"
    "|this machine has the device|a context of one"
)
"""Why a test may be skipped by CI, which installs everything else that a test asks for."""
