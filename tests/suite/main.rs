mod check_form;
